"""The relay's SQL: what waits, what was published, what is blocked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from samband_kit.failpoints import Failpoint, reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from samband_kit.database import Connection, Pool

    Row = asyncpg.Record
    """position, topic, key, headers (JSON text), value"""

# From the lowest row that waits, never "after the last one seen": a row with a
# lower position may commit later than a higher one ($5 is a `Floor`, below which
# nothing can). The window bounds the memory of a batch; the rest comes with the next.
WAITING = """
select position, topic, key, headers, value
from (
    select position, topic, key, headers, value,
           sum(coalesce(octet_length(value), 0)) over (order by position)
             - coalesce(octet_length(value), 0) as bytes_before
    from outbox fact
    where published_at is null and quarantined_at is null
      and position >= $5
      and position <> all($2::bigint[])
      and topic <> all($3::text[])
      and not exists (
          select from outbox_counters counter
          where counter.topic = fact.topic and counter.key = fact.key
            and counter.blocked_at is not null)
    order by position
    limit $1
) as lowest
where bytes_before < $4
order by position
"""

MARK = """
update outbox set published_at = now()
where position = any($1::bigint[]) and published_at is null and quarantined_at is null
"""

# The counter is missing only if somebody wrote the row by hand.
_BLOCK = """
insert into outbox_counters as counter (topic, key, last_sequence, blocked_at, blocked_reason)
select topic, key, sequence, now(), $2 from outbox where position = $1
on conflict (topic, key) do update
  set blocked_at = coalesce(counter.blocked_at, excluded.blocked_at),
      blocked_reason = excluded.blocked_reason
"""

# The oldest is the lowest position: nearly always, and without reading all rows.
_MEASURE = """
select (select count(*) from outbox where published_at is null and quarantined_at is null)
         as backlog,
       coalesce((select extract(epoch from clock_timestamp() - appended_at)::float8
                 from outbox fact
                 where published_at is null and quarantined_at is null
                   and not exists (
                       select from outbox_counters counter
                       where counter.topic = fact.topic and counter.key = fact.key
                         and counter.blocked_at is not null)
                 order by position limit 1), 0) as oldest_age,
       (select count(*) from outbox_counters where blocked_at is not null) as blocked
"""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The state of a service's outbox."""

    backlog: int
    oldest_age: float
    blocked: int


async def prepare(conn: Connection) -> None:
    """Make the planner use the small index, whatever it believes about a fresh table.

    A plan for the arguments at hand looks positions up in a hash; a generic
    one would compare each with all of them.
    """
    await conn.execute(
        "set enable_seqscan = off; set enable_bitmapscan = off;"
        " set plan_cache_mode = force_custom_plan"
    )


async def waiting(
    conn: Connection,
    *,
    limit: int,
    largest: int,
    except_positions: Sequence[int],
    except_topics: Sequence[str],
    floor: int = 0,
) -> list[Row]:
    """The lowest rows that wait, up to `limit` and about `largest` bytes, at least one."""
    return await conn.fetch(
        WAITING, limit, list(except_positions), list(except_topics), largest, floor
    )


async def mark(conn: Connection, positions: Sequence[int]) -> None:
    """Note that Kafka has these rows."""
    if positions:
        await reach(Failpoint.RELAY_SENT)
        await conn.execute(MARK, positions)
        await reach(Failpoint.RELAY_MARKED)


async def block(conn: Connection, position: int, reason: str) -> None:
    """Send nothing more of this row's key until an operator decides."""
    await conn.execute(_BLOCK, position, reason)


async def measure(conn: Connection | Pool) -> Measurement:
    """Count what waits; takes some tenths of a second for a million rows."""
    [row] = await conn.fetch(_MEASURE)
    return Measurement(row["backlog"], row["oldest_age"], row["blocked"])
