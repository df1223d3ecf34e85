"""Outboxes: filling a service's outbox with facts, inside Postgres, in no time.

What happens to one aggregate is written as the service writes it; one statement
says the same of as many others as are asked for. So headers and values are the real ones,
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
    from collections.abc import Sequence

    from samband_contracts.event import Event
    from samband_kit.database import Connection, Pool
    from samband_kit.service import Service
    from samband_kit.settings import Settings

    from benchmarks.frame.stage import Stage

# All that the first key has ever said, said of others too; each gets a counter, as
# `outbox.append` would give it.
_MULTIPLY = """
with new as materialized (
    select uuidv7()::text as new_key from generate_series(1, $1::bigint)
), copied as (
    insert into outbox
      (topic, key, sequence, event_id, event_type, correlation_id, headers, value)
    select topic, new_key, sequence, new_id, event_type, correlation_id,
           replace(replace(headers::text, key, new_key), event_id::text, new_id::text)::json,
           convert_to(replace(convert_from(value, 'UTF8'), key, new_key), 'UTF8')
    from new,
         (select * from outbox
          where key = (select key from outbox order by position limit 1)) as first,
         -- The condition ties it to both, so that each pair of them draws an id of its own.
         lateral (select uuidv7() as new_id where new_key <> first.key) as its
    order by sequence
    returning topic, key, sequence
)
insert into outbox_counters (topic, key, last_sequence)
select topic, key, max(sequence) from copied group by topic, key
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


async def sow(pool: Pool, facts: Sequence[Event] = ()) -> None:
    """Write what all others are copies of: the first facts that the outbox ever has.

    They are about one aggregate; a single one of networks' own unless given.
    """
    joined = MembershipJoined(membership_id=new_id(), network_id=new_id(), organisation=a_region())
    async with database.transaction(pool) as conn:
        await outbox.append(conn, facts or [joined])


async def multiply(conn: Connection, keys: int) -> int:
    """Write the first facts for so many more keys in the running transaction; the last position."""
    await conn.execute(_MULTIPLY, keys, timeout=3600)
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
