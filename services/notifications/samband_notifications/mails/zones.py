"""Zones: the time zone of a meeting, as calendars want it described.

Outlook wants a zone's changes as yearly rules ("the last Sunday in March").
They are found out from the zone database: a weekday of a month on which the
clock changes three years running is a rule. Where that does not fit, the
changes around the meeting are listed one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

if TYPE_CHECKING:
    from collections.abc import Iterator

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_LONG_AGO = datetime(1970, 1, 1)  # noqa: DTZ001 - VTIMEZONE speaks in wall-clock time


@dataclass(frozen=True)
class _Change:
    """The clock goes from one offset to another; `wall` is what it showed at that moment."""

    wall: datetime
    before: datetime
    after: datetime


@lru_cache(maxsize=64)
def describe(zone: str, year: int) -> Timezone:
    """The VTIMEZONE of `zone` for a meeting in `year`."""
    rules = ZoneInfo(zone)
    start = datetime(year - 1, 1, 1, tzinfo=UTC).astimezone(rules)
    changes = list(_changes(rules, year - 1, year + 2))
    first_year = {change: _rule(change, changes) for change in changes if change.wall.year < year}
    described = Timezone()
    described.add("tzid", zone)
    described.add_component(_observance(_Change(_LONG_AGO, start, start), None))
    if first_year and all(first_year.values()):
        for change, rule in first_year.items():
            described.add_component(_observance(change, rule))
    else:
        for change in changes:
            described.add_component(_observance(change, None))
    return described


def _observance(
    change: _Change, rule: dict[str, object] | None
) -> TimezoneStandard | TimezoneDaylight:
    part = TimezoneDaylight() if change.after.dst() else TimezoneStandard()
    part.add("dtstart", change.wall)
    part.add("tzoffsetfrom", change.before.utcoffset())
    part.add("tzoffsetto", change.after.utcoffset())
    part.add("tzname", change.after.tzname())
    if rule:
        part.add("rrule", rule)
    return part


def _rule(change: _Change, changes: list[_Change]) -> dict[str, object] | None:
    """The yearly rule that `change` and the same one of the two following years obey."""
    day = change.wall.date()
    others = [other.wall.date() for other in changes]
    for ordinal in _ordinals(day):
        same = [
            other
            for other in others
            if (other.month, other.weekday()) == (day.month, day.weekday())
            and ordinal in _ordinals(other)
        ]
        if len(same) == 3:
            weekday = _WEEKDAYS[day.weekday()]
            return {"freq": "yearly", "bymonth": day.month, "byday": f"{ordinal}{weekday}"}
    return None


def _ordinals(day: date) -> list[int]:
    # The last one first: laws say "the last Sunday", though it may be the fourth as well.
    last = [-1] if (day + timedelta(days=7)).month != day.month else []
    return [*last, (day.day - 1) // 7 + 1]


def _changes(rules: ZoneInfo, first_year: int, last_year: int) -> Iterator[_Change]:
    """The changes from `first_year` until before `last_year`, to the quarter of an hour."""
    moment = datetime(first_year, 1, 1, tzinfo=UTC)
    step = timedelta(days=1)
    while moment.year < last_year:
        before, after = moment.astimezone(rules), (moment + step).astimezone(rules)
        if before.utcoffset() == after.utcoffset():
            moment, step = moment + step, timedelta(days=1)
        elif step > timedelta(minutes=15):
            step = timedelta(minutes=15)
        else:
            offset = before.utcoffset() or timedelta(0)
            yield _Change((moment + step + offset).replace(tzinfo=None), before, after)
            moment, step = moment + step, timedelta(days=1)
