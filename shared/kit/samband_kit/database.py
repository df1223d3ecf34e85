"""Database: the pool, and transactions that wake the relay.

A service's role owns one schema of the same name, and the search path holds
that schema alone: another service's tables cannot even be named. Times are
UTC, `jsonb` is Python data, and every statement has a time limit on both
sides, so a hanging database costs an error and never the process.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from samband_kit import outbox
from samband_kit.failpoints import Failpoint, reach

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg.pool import PoolConnectionProxy

    from samband_kit.settings import Settings

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection: TypeAlias = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
    Pool: TypeAlias = asyncpg.Pool

STATEMENT_SECONDS = 30
"""Limit of one statement in Postgres."""
REPLY_SECONDS = 35
"""Limit of waiting for the reply: when it passes, the network is gone, not the query slow."""
POOL_SECONDS = 10.0
"""Limit of waiting for a connection of the pool: who waits longer is told to come back."""

WAKE_SECONDS = 0.01
"""At most one wake-up of the relay in this time; the relay polls as often anyway when it is busy."""

# By id, because asyncpg's pool cannot be referenced weakly; an id used again costs one wake-up.
_woken: dict[int, float] = {}

SERVER_SETTINGS = {
    "search_path": '"$user"',
    "timezone": "UTC",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",
    # A dead client's locks are freed in about ten seconds, not in two hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}


async def open_pool(settings: Settings, *, max_size: int = 10) -> Pool:
    """Connect to the service's schema. The caller closes the pool.

    A connection goes back as it is, but for an open transaction, which is
    rolled back: whoever changes its session puts that right before.

    Raises what asyncpg raises when Postgres cannot be reached or refuses.
    """
    return await _Pool(
        settings.database_url.get_secret_value(),
        min_size=1,
        max_size=max_size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        connect=None,
        setup=None,
        init=_prepare,
        reset=_leave_as_it_is,
        loop=None,
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
        command_timeout=REPLY_SECONDS,
        timeout=10,
        server_settings=SERVER_SETTINGS,
    )


class _Pool(asyncpg.Pool):
    """A pool at which nobody waits for ever, also while every connection is stuck."""

    # asyncpg's own limit, `acquire(timeout=…)`, makes a task of every use and has no default.
    async def _acquire(self, timeout: float | None) -> Any:  # noqa: ASYNC109 - asyncpg's signature
        async with asyncio.timeout(POOL_SECONDS):
            return await super()._acquire(timeout)  # type: ignore[misc]  # not in the stubs


async def connect(
    settings: Settings, *, command_timeout: float | None = REPLY_SECONDS
) -> asyncpg.Connection[asyncpg.Record]:
    """One connection of its own, for what a pool cannot do: session locks, LISTEN.

    `command_timeout` is how long a reply is waited for where the statement
    itself names no time; None is for ever.
    """
    connection = await asyncpg.connect(
        settings.database_url.get_secret_value(),
        command_timeout=command_timeout,
        timeout=10,
        server_settings=SERVER_SETTINGS,
    )
    await _prepare(connection)
    return connection


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction on a connection of the pool; commits unless the body raises.

    After a commit that appended events the service's relay is woken, on the
    same connection and outside of the transaction.
    """
    async with pool.acquire() as connection:
        with outbox.watched() as appended:
            async with connection.transaction():
                yield connection
        if appended():
            await reach(Failpoint.OUTBOX_COMMITTED)
            if _is_time_to_wake(pool):
                await outbox.wake(connection)


def _is_time_to_wake(pool: Pool) -> bool:
    now = time.monotonic()
    if now - _woken.get(id(pool), 0.0) < WAKE_SECONDS:
        return False
    _woken[id(pool)] = now
    return True


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads
    )


async def _leave_as_it_is(_connection: object) -> None:
    # asyncpg would ask the server to forget locks, listeners and settings that nobody here
    # leaves behind: one more round trip for every use of the pool, up to five for a form.
    return
