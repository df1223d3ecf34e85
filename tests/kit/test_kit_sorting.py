"""Names are sorted as a Swedish reader expects."""

import unicodedata

import pytest
from samband_kit.sorting import sort_key


@pytest.mark.parametrize(
    "expected",
    [
        ["falu", "Zinkgruvan", "Åmål", "Älvdalen", "Örebro"],
        ["é", "f", "z", "å", "ä", "ö"],
        ["Bergen", "Çankaya", "Dublin", "Île-de-France", "Jinja", "São Paulo", "Tromsø"],
        ["Xanten", "Ügyes", "Zürich", "Århus", "Ærø", "Ørsted"],
    ],
)
def test_accents_do_not_matter_but_the_last_letters_come_last(expected: list[str]) -> None:
    assert sorted(set(expected), key=sort_key) == expected


def test_a_name_sorts_the_same_however_its_letters_are_written() -> None:
    for name in ("Åmål", "Älvdalen", "São Paulo"):
        assert sort_key(unicodedata.normalize("NFD", name)) == sort_key(name)
