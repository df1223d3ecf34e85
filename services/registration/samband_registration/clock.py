"""Clock: the database's, on which all processes agree; and clock times as people write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from samband_kit.database import Connection
from samband_kit.web.i18n import N_


async def now(conn: Connection) -> datetime:
    """The time at which the running transaction began."""
    began: datetime = await conn.fetchval("select now()")
    return began


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
