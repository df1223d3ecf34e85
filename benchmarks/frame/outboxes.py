"""Outboxes: filling a service's outbox with facts, inside Postgres, in no time.

One fact is written as the service writes it; the others are made of it by one
statement, each about a new aggregate. So headers and values are the real ones,
byte for byte as long, whatever their number.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from samband_contracts.memberships import MembershipJoined
from samband_contracts.values import Organisation, OrganisationKind
from samband_kit import database, outbox
from samband_kit.ids import new_id

from benchmarks.frame.stage import until

if TYPE_CHECKING:
    from samband_contracts.event import Event
    from samband_kit.database import Connection, Pool
    from samband_kit.service import Service
    from samband_kit.settings import Settings

    from benchmarks.frame.stage import Stage

# A key's first fact, so each gets a counter, as `outbox.append` would give it.
_MULTIPLY = """
with copied as (
    insert into outbox
      (topic, key, sequence, event_id, event_type, correlation_id, headers, value)
    select topic, new_key, sequence, uuidv7(), event_type, correlation_id,
           replace(headers::text, key, new_key)::json,
           convert_to(replace(convert_from(value, 'UTF8'), key, new_key), 'UTF8')
    from (select * from outbox order by position limit 1) as first,
         lateral (select uuidv7()::text as new_key from generate_series(1, $1::bigint)) as new
    returning topic, key
)
insert into outbox_counters (topic, key, last_sequence) select topic, key, 1 from copied
"""


def a_region() -> Organisation:
    """An organisation for facts to be about."""
    return Organisation(
        organisation_id=new_id(),
        name="Västra Götalandsregionen",
        kind=OrganisationKind.REGION,
        country="SE",
        code="14",
    )


async def sow(pool: Pool, fact: Event | None = None) -> None:
    """Write the one fact that all others are copies of: the first that the outbox ever has.

    It is one of networks' own unless `fact` is given.
    """
    joined = MembershipJoined(membership_id=new_id(), network_id=new_id(), organisation=a_region())
    async with database.transaction(pool) as conn:
        await outbox.append(conn, [fact or joined])


async def multiply(conn: Connection, rows: int) -> int:
    """Write `rows` more facts like the first in the running transaction; the last position."""
    await conn.execute(_MULTIPLY, rows, timeout=3600)
    return int(await conn.fetchval("select max(position) from outbox"))


async def relayed(
    stage: Stage, service: Service, settings: Settings, pool: Pool, rows: int
) -> float:
    """Rows a second of the service's relay, a real process, that finds so many new ones."""
    async with stage.running(service, settings, "consume") as process, pool.acquire() as conn:
        await until(lambda: _leads(pool), process)
        async with conn.transaction():
            last = await multiply(conn, rows)
        began = time.perf_counter()
        await outbox.wake(conn)
        ended = await until(lambda: _published(pool, last), process)
    return rows / (ended - began)


async def _published(pool: Pool, position: int) -> bool:
    """Whether the row is marked, and so are all before it."""
    return bool(
        await pool.fetchval(
            "select published_at is not null from outbox where position = $1", position
        )
    )


async def _leads(pool: Pool) -> bool:
    return bool(
        await pool.fetchval(
            "select exists (select from pg_locks join pg_database on pg_database.oid = database"
            " where datname = current_database() and locktype = 'advisory' and granted)"
        )
    )
