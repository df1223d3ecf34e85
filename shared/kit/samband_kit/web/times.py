"""Times as people read them: in a zone, and with that zone named.

Swedish as in "tis 9 februari 2027 kl. 10.00, svensk tid", English in the same
order: "Tue 9 February 2027 at 10:00, Swedish time".
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date as babel_date
from babel.dates import get_timezone_location

from samband_kit.web.i18n import _, language

SWEDEN = "Europe/Stockholm"
DAY = "EEE d MMMM y"


def format_datetime(moment: datetime, zone: str = SWEDEN, *, also: str | None = None) -> str:
    """Day and time in `zone`; `also` adds the time in a second zone.

    "tis 9 februari 2027 kl. 10.00, svensk tid · 11.00 i Lusaka". Refuses a
    naive moment and an unknown zone with ValueError.
    """
    here = _at(moment, zone)
    return _joined(_day_and(here, _clock(here)), here, moment, zone, also)


def format_period(
    start: datetime, end: datetime, zone: str = SWEDEN, *, also: str | None = None
) -> str:
    """From start to end: "tis 9 februari 2027 kl. 10.00–11.30, svensk tid"."""
    first, last = _at(start, zone), _at(end, zone)
    if first.date() == last.date():
        span = _day_and(first, f"{_clock(first)}–{_clock(last)}")
    else:
        span = f"{_day_and(first, _clock(first))} – {_day_and(last, _clock(last))}"
    return _joined(span, first, start, zone, also)


def format_date(day: date | datetime, zone: str = SWEDEN) -> str:
    """The day alone, "9 februari 2027"; of a moment, the day in `zone`."""
    if isinstance(day, datetime):
        day = _at(day, zone).date()
    return _written(day, "d MMMM y")


def _joined(text: str, here: datetime, moment: datetime, zone: str, also: str | None) -> str:
    text = f"{text}, {_zone_name(zone)}"
    if also is None or also == zone:
        return text
    there = _at(moment, also)
    clock = _clock(there)
    if there.date() != here.date():
        clock = _day_and(there, clock)
    return f"{text} · {_('{time} in {place}', time=clock, place=_place(also))}"


def _at(moment: datetime, zone: str) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs its offset")
    try:
        return moment.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {zone!r}") from error


def _day_and(moment: datetime, clock: str) -> str:
    return _("{day} at {time}", day=_written(moment.date(), DAY), time=clock)


def _clock(moment: datetime) -> str:
    return moment.strftime("%H.%M" if language() == "sv" else "%H:%M")


def _zone_name(zone: str) -> str:
    if zone == SWEDEN:
        return _("Swedish time")
    return _("time in {place}", place=_place(zone))


def _place(zone: str) -> str:
    return get_timezone_location(zone, locale=_locale(), return_city=True)


def _written(day: date, pattern: str) -> str:
    return babel_date(day, pattern, locale=_locale())


def _locale() -> str:
    return "sv_SE" if language() == "sv" else "en_GB"
