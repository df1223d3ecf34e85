"""Leadership: one process of a service at a time does what must not be done twice.

The leader holds a session-level advisory lock, so Postgres itself ends the
leadership when the leader's connection ends, however that happens. The others
stand by and try again every second. A leader must stop as soon as `lost` is
done: from then on another one may be at work.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from samband_kit import database
from samband_kit.outages import POSTGRES_AWAY
from samband_kit.pauses import pause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.settings import Settings

STANDBY_SECONDS = 1.0
_CHECK_SECONDS = 5.0


class LeadershipLost(Exception):
    """The connection that held the lock is gone; another process may lead already."""


@dataclass(frozen=True)
class Leadership:
    """A held lock, and the connection that holds it: its own work goes through there too."""

    conn: asyncpg.Connection[asyncpg.Record]
    schema: str
    lost: asyncio.Future[None]

    async def check(self) -> None:
        """Ask Postgres over the lock's connection.

        Raises:
            LeadershipLost: it is gone, or did not answer in five seconds.
        """
        try:
            await self.conn.fetchval("select 1", timeout=_CHECK_SECONDS)
        except POSTGRES_AWAY as error:
            raise LeadershipLost(str(error)) from error


@asynccontextmanager
async def lead(
    settings: Settings, role: str, stop: asyncio.Event
) -> AsyncIterator[Leadership | None]:
    """Stand by until this process leads in `role`; None when `stop` was set before.

    Raises what asyncpg raises when Postgres is out of reach.
    """
    conn = await database.connect(settings)
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_termination(_connection: object) -> None:
        if not lost.done():
            lost.set_result(None)

    conn.add_termination_listener(on_termination)
    try:
        schema = await conn.fetchval("select current_schema()")
        led = False
        while not led and not stop.is_set():
            led = await conn.fetchval(
                "select pg_try_advisory_lock(hashtextextended($1, 0))", f"{schema} {role}"
            )
            if not led:
                await pause(STANDBY_SECONDS, stop)
        yield Leadership(conn, schema, lost) if led else None
    finally:
        with suppress(*POSTGRES_AWAY):
            await conn.close(timeout=2)
