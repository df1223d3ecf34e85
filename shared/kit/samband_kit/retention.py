"""Retention: what the kit's own tables may forget, and when.

Facts of event topics are kept for ever: the outbox is the record of what was
said. Those of state topics go 30 days after they were published or set aside,
if a newer one of their key has replaced them or they erase it; the newest stays,
so that `reconcile` can fill a Kafka that was emptied. What was set aside was never
in Kafka: it replaces nothing, and stays as long as nothing newer does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from samband_contracts.topics import ALL

from samband_kit import database, idempotency, outbox
from samband_kit.service import Job, Runtime

if TYPE_CHECKING:
    from samband_kit.database import Connection, Pool

STATE_FACTS = timedelta(days=30)
IDEMPOTENCY_KEYS = timedelta(days=30)
_CHUNK = 2_000

# Says what the index outbox_forgettable says: without it this reads a table that only grows.
# What was set aside without a value erases nothing, for it was never in Kafka.
FORGET = f"""
delete from outbox
where ctid = any(array(
    select ctid from outbox fact
    where topic like '%-state' and topic = any($1::text[])
      and coalesce(published_at, quarantined_at) < now() - $2::interval
      and (value is null and quarantined_at is null or exists (
          select from outbox_counters counter
          where counter.topic = fact.topic and counter.key = fact.key and {outbox.REPLACED}))
    order by coalesce(published_at, quarantined_at)
    limit $3))
returning 1
"""  # noqa: S608 - nothing but our own words goes in


async def sweep(pool: Pool) -> int:
    """Delete what is old enough, in small transactions; returns how many rows of facts went."""
    async with database.transaction(pool) as conn:
        await idempotency.forget(conn, IDEMPOTENCY_KEYS)
        await conn.execute("delete from spent_nonces where expires_at < now()")
        await conn.execute("delete from rate_limits where expires_at < now()")
    total = 0
    while True:
        async with database.transaction(pool) as conn:
            gone = await _forget_state_facts(conn)
        total += gone
        if gone < _CHUNK:
            return total


async def _forget_state_facts(conn: Connection) -> int:
    rows = await conn.fetch(
        FORGET,
        [topic.name for topic in ALL if topic.is_state],
        STATE_FACTS,
        _CHUNK,
    )
    return len(rows)


async def _run(runtime: Runtime) -> None:
    await sweep(runtime.pool)


RETENTION = Job("retention", timedelta(hours=1), _run)
