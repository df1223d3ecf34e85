"""Clock times: what people write, as points in time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from samband_kit.web.i18n import N_


def in_our_time(at: datetime) -> datetime:
    """Refuses the years at both ends of the calendar, which no zone can be applied to."""
    if not 2000 <= at.year <= 2200:
        raise ValueError(N_("Write a year between 2000 and 2200."))
    return at


def moment(local: datetime, zone: str) -> datetime | None:
    """A clock time in `zone` as a point in time; None for one that the clocks skip.

    Of a time that comes twice in autumn, the first is meant.
    """
    aware = local.replace(tzinfo=ZoneInfo(zone))
    instant = aware.astimezone(UTC)
    return instant if instant.astimezone(aware.tzinfo).replace(tzinfo=None) == local else None
