"""SQL of calls."""

from datetime import datetime
from uuid import UUID

import asyncpg
from samband_contracts.values import Localised
from samband_kit.database import Connection

from samband_registration.calls.domain import Call


async def call(conn: Connection, call_id: UUID) -> Call | None:
    """The call with this id."""
    row = await conn.fetchrow(
        """
        select call_id, title_sv, title_en, opens_at, closes_at, zone, closed_at
        from calls where call_id = $1
        """,
        call_id,
    )
    return None if row is None else _call(row)


async def calls(conn: Connection) -> list[Call]:
    """Every call, the one that closes last first."""
    rows = await conn.fetch(
        """
        select call_id, title_sv, title_en, opens_at, closes_at, zone, closed_at
        from calls order by closes_at desc, call_id desc
        """
    )
    return [_call(row) for row in rows]


async def lock_over(conn: Connection, now: datetime) -> list[Call]:
    """The calls whose period has passed and that nobody has closed yet, locked."""
    rows = await conn.fetch(
        """
        select call_id, title_sv, title_en, opens_at, closes_at, zone, closed_at
        from calls where closed_at is null and closes_at <= $1
        order by call_id for update
        """,
        now,
    )
    return [_call(row) for row in rows]


async def lock_all(conn: Connection) -> None:
    """One writer of calls at a time; readers go on."""
    await conn.execute("lock table calls in share row exclusive mode")


async def put(conn: Connection, changed: Call) -> None:
    """Write the call."""
    await conn.execute(
        """
        insert into calls (call_id, title_sv, title_en, opens_at, closes_at, zone, closed_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (call_id) do update set closed_at = excluded.closed_at
        """,
        changed.call_id,
        changed.title.sv,
        changed.title.en,
        changed.opens_at,
        changed.closes_at,
        changed.zone,
        changed.closed_at,
    )


def _call(row: asyncpg.Record) -> Call:
    return Call(
        call_id=row["call_id"],
        title=Localised(sv=row["title_sv"], en=row["title_en"]),
        opens_at=row["opens_at"],
        closes_at=row["closes_at"],
        zone=row["zone"],
        closed_at=row["closed_at"],
    )
