"""Clock: the database's, so that every process agrees on what is late."""

from datetime import datetime

from samband_kit.database import Connection


async def now(conn: Connection) -> datetime:
    """The time at which the running transaction began."""
    moment: datetime = await conn.fetchval("select now()")
    return moment
