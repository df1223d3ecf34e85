"""Languages and times: everything is said in Swedish and English."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from markupsafe import Markup
from samband_kit.web.catalogue_gaps import catalogue_gaps
from samband_kit.web.i18n import Catalogues, _, catalogues, language, ngettext
from samband_kit.web.times import format_date, format_datetime, format_period

TEN_IN_SWEDEN = datetime(2027, 2, 9, 9, 0, tzinfo=UTC)
SUMMER = datetime(2027, 6, 9, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def kit() -> Catalogues:
    return catalogues()


def test_everything_that_the_kit_says_has_a_swedish_translation() -> None:
    assert catalogue_gaps("samband_kit.web") == []


def test_gaps_are_found_wherever_a_sentence_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "gappy" / "meetings"
    (room / "templates").mkdir(parents=True)
    (tmp_path / "gappy/locale").mkdir()
    (room / "templates/list.html").write_text('{{ _("In a template") }} {{ _("Sign out") }}')
    (room / "domain.py").write_text(
        "from samband_kit.errors import Conflict\n"
        "from samband_kit.web.i18n import N_\n"
        'LABEL = N_("Marked {name}")\n'
        'class Full(Conflict):\n    """The network\n    is full."""\n    advice = "Wait."\n'
    )
    (tmp_path / "gappy/locale/sv.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Marked {name}"\nmsgstr "Märkt"\n'
    )
    for folder in (room, room.parent):
        (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert catalogue_gaps("gappy") == [
        "no Swedish: 'In a template'",
        "other placeholders: 'Marked {name}'",
        "no Swedish: 'The network is full.'",
        "no Swedish: 'Wait.'",
    ]


def test_outside_of_a_request_sentences_stay_english() -> None:
    assert (_("Sign out"), language()) == ("Sign out", "en")


def test_a_task_speaks_one_language_until_it_is_told_otherwise(kit: Catalogues) -> None:
    with kit.speaking("sv"):
        assert _("Sign out") == "Logga ut"
        with kit.speaking("en"):
            assert _("Sign out") == "Sign out"
        assert _("Sign out") == "Logga ut"


def test_numbers_choose_the_form(kit: Catalogues) -> None:
    with kit.speaking("sv"):
        said = [ngettext("{count} registration", "{count} registrations", n) for n in (0, 1, 2)]
    assert said == ["0 anmälningar", "1 anmälan", "2 anmälningar"]


def test_facts_are_escaped_beside_markup_and_nowhere_else(kit: Catalogues) -> None:
    with kit.speaking("sv"):
        plain = _("Your reference number is {reference}.", reference="<b>")
        marked = _("Your reference number is {reference}.", reference=Markup("<b>1</b>"))
    assert plain == "Ert referensnummer är <b>."
    assert not isinstance(plain, Markup)
    assert marked == Markup("Ert referensnummer är <b>1</b>.")


def test_a_time_names_its_zone_in_both_languages(kit: Catalogues) -> None:
    with kit.speaking("sv"):
        assert format_datetime(TEN_IN_SWEDEN) == "tis 9 februari 2027 kl. 10.00, svensk tid"
        assert format_datetime(TEN_IN_SWEDEN, also="Africa/Lusaka") == (
            "tis 9 februari 2027 kl. 10.00, svensk tid · 11.00 i Lusaka"
        )
    with kit.speaking("en"):
        assert format_datetime(TEN_IN_SWEDEN, "Africa/Lusaka", also="Europe/Stockholm") == (
            "Tue 9 February 2027 at 11:00, time in Lusaka · 10:00 in Stockholm"
        )


def test_summer_time_moves_sweden_and_not_lusaka(kit: Catalogues) -> None:
    with kit.speaking("sv"):
        assert format_datetime(SUMMER, also="Africa/Lusaka").endswith(
            "kl. 10.00, svensk tid · 10.00 i Lusaka"
        )


def test_another_day_in_the_other_zone_is_said(kit: Catalogues) -> None:
    late = datetime(2027, 2, 9, 22, 30, tzinfo=UTC)
    with kit.speaking("sv"):
        assert format_datetime(late, also="Africa/Lusaka").endswith(
            "· ons 10 februari 2027 kl. 00.30 i Lusaka"
        )


def test_a_period_says_the_day_once(kit: Catalogues) -> None:
    end = datetime(2027, 2, 9, 10, 30, tzinfo=UTC)
    with kit.speaking("sv"):
        assert format_period(TEN_IN_SWEDEN, end) == (
            "tis 9 februari 2027 kl. 10.00–11.30, svensk tid"
        )
        next_day = end.replace(day=10)
        assert format_period(TEN_IN_SWEDEN, next_day) == (
            "tis 9 februari 2027 kl. 10.00 – ons 10 februari 2027 kl. 11.30, svensk tid"
        )


def test_a_day_is_the_day_in_its_zone(kit: Catalogues) -> None:
    with kit.speaking("sv"):
        assert format_date(date(2028, 2, 29)) == "29 februari 2028"
        assert format_date(datetime(2027, 2, 9, 23, 30, tzinfo=UTC)) == "10 februari 2027"


def test_a_moment_without_offset_and_an_unknown_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        format_datetime(datetime(2027, 2, 9))  # noqa: DTZ001 - that is the point
    for zone in ("Mars/Base", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="unknown time zone"):
            format_datetime(TEN_IN_SWEDEN, zone)
