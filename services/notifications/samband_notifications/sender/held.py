"""Held: one connection of the pool, kept for many short transactions.

Fetching one from the pool and giving it back costs as much as the work of a
round, and a sender goes hundreds of rounds a second.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from samband_kit.outages import POSTGRES_AWAY

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import PoolConnectionProxy
    from samband_kit.database import Connection, Pool

_LONGEST_GIVING_BACK = 5.0
_LIMIT = "idle_in_transaction_session_timeout"


class HeldConnection:
    """A connection that is fetched when it is wanted and replaced when it has failed."""

    def __init__(self, pool: Pool, *, longest_pause: float) -> None:
        self._pool = pool
        self._longest_pause = longest_pause
        self._conn: PoolConnectionProxy[Record] | None = None

    async def get(self) -> Connection:
        """The connection."""
        if self._conn is None:
            self._conn = await self._pool.acquire()
            # A process that is frozen within a transaction must not keep its rows from others.
            await self._conn.execute(
                "select set_config($1, $2, false)",
                _LIMIT,
                f"{round(self._longest_pause * 1000)}ms",
            )
        return self._conn

    async def drop(self) -> None:
        """Break the connection: after a failure nobody knows in which state it is."""
        conn, self._conn = self._conn, None
        if conn is not None:
            # A connection that was lost has gone back to the pool by itself.
            with suppress(*POSTGRES_AWAY):
                conn.terminate()
                await self._pool.release(conn)

    async def release(self) -> None:
        """Give the connection back to the pool as it was, or break it where Postgres is away."""
        if self._conn is None:
            return
        try:
            async with asyncio.timeout(_LONGEST_GIVING_BACK):
                await self._conn.execute(f"reset {_LIMIT}")
                await self._pool.release(self._conn)
            self._conn = None
        except POSTGRES_AWAY:
            # Who stops has nothing left to ask of it; an idle one may have been lost long ago.
            await self.drop()
