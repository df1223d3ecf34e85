"""Typed text: whatever comes in, what comes out is harmless and stays as it is."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from samband_kit.web.text import Email, Line, PersonName, Prose

ANYTHING = st.text(st.characters(exclude_categories=[]), max_size=60)
DANGEROUS = {"Cc", "Cs", "Zl", "Zp"}
OVERRIDES = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def cleaned(kind: Line | Prose, text: str) -> str | None:
    try:
        return kind.clean(text)
    except PydanticCustomError:
        return None


@given(ANYTHING)
def test_a_line_is_one_harmless_line_and_cleaning_it_again_changes_nothing(text: str) -> None:
    kept = cleaned(Line(50), text)
    if kept is None:
        return
    assert 1 <= len(kept) <= 50
    assert not {unicodedata.category(letter) for letter in kept} & DANGEROUS
    assert not set(kept) & OVERRIDES
    assert kept.splitlines() == [kept]
    assert unicodedata.is_normalized("NFC", kept)
    assert cleaned(Line(50), kept) == kept


@given(ANYTHING)
def test_prose_has_no_other_line_end_than_newline(text: str) -> None:
    kept = cleaned(Prose(50), text)
    if kept is None:
        return
    assert kept.splitlines() == kept.split("\n")
    assert not set(kept) & OVERRIDES
    assert cleaned(Prose(50), kept) == kept


@given(st.one_of(ANYTHING, st.emails()))
def test_an_address_that_is_taken_can_stand_in_a_mail_header(text: str) -> None:
    try:
        kept = TypeAdapter(Email).validate_python(text)
    except ValidationError:
        return
    assert kept.isascii()
    assert kept.isprintable()
    assert kept.count("@") == 1
    assert len(kept) <= 254
    assert not set(kept) & set(' <>,;:"()[]\\\r\n')


@given(ANYTHING)
def test_a_name_carries_no_address(text: str) -> None:
    try:
        kept = TypeAdapter(PersonName).validate_python(text)
    except ValidationError:
        return
    assert "://" not in kept
    assert "@" not in kept
