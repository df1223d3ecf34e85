"""Parked: records that could not be applied wait here as rows, with their raw bytes.

A parked record does not move its key's position, so everything after it in
its key is parked behind it by the rule of gaps alone; other keys go on. No
row is ever given up or dropped: it is applied, replaced by newer state, or
skipped by an operator with a reason. When a tombstone is applied, nothing of
its key stays: see `erase`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from samband_contracts.topics import BY_NAME

from samband_kit.consumer import failures
from samband_kit.consumer.plan import Parking, Reason
from samband_kit.consumer.records import Arrived, headers_from_text, headers_to_text, read

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from samband_contracts.topics import Topic

    from samband_kit.database import Connection

FIRST_RETRY = 5.0
LONGEST_RETRY = 3600.0
"""Seconds between attempts: they double from the first to the longest, for ever."""

_OWN_CLOCK = (Reason.FAILED, Reason.GAP)
"""Reasons whose rows are tried again by themselves; the others wait for someone."""

SKIPPED = """skipped_at = now(), next_attempt_at = null, error = '',
    raw_key = null, raw_headers = '[]', raw_value = null"""
"""What an update sets to leave a record out for good: its bytes go."""

_INSERT = """
insert into parked
  (topic, partition, record_offset, fingerprint, key, sequence, event_id, event_type,
   reason, error, raw_key, raw_headers, raw_value, attempts, next_attempt_at)
select $1, partition, record_offset, fingerprint, key, sequence, event_id, event_type,
       reason, error, raw_key, raw_headers, raw_value, attempts,
       clock_timestamp() + make_interval(secs => wait)
from unnest($2::int[], $3::bigint[], $4::bytea[], $5::text[], $6::bigint[], $7::uuid[], $8::text[],
            $9::text[], $10::text[], $11::bytea[], $12::text[], $13::bytea[], $14::int[],
            $15::float8[])
  as record (partition, record_offset, fingerprint, key, sequence, event_id, event_type,
             reason, error, raw_key, raw_headers, raw_value, attempts, wait)
on conflict (topic, fingerprint) do nothing
returning fingerprint
"""

_OF_KEY = """
select parked_id, partition, record_offset, raw_key, raw_headers, raw_value, attempts
from parked
where topic = $1 and key = $2 and sequence is not null and skipped_at is null
  and (reason <> 'fork' or $3)
order by sequence, parked_id
limit $4
"""

_DUE = """
select topic, key from parked
where next_attempt_at <= clock_timestamp() and topic = any($1::text[])
  and key is not null and skipped_at is null
group by topic, key
order by min(next_attempt_at)
limit $2
"""

# Only the first of each key: the rest follows it. A fork waits for an operator,
# except on a state topic, where newer state replaces it.
_WAKE = """
update parked set next_attempt_at = clock_timestamp()
where parked_id in (
  select distinct on (key) parked_id from parked
  where topic = $1 and key = any($2::text[]) and sequence is not null
    and skipped_at is null and (reason <> 'fork' or $3)
  order by key, sequence)
"""

_KEEP = """
update parked
set reason = kept.reason, error = kept.error, attempts = kept.attempts,
    next_attempt_at = clock_timestamp() + make_interval(secs => kept.wait)
from unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::float8[])
  as kept (parked_id, reason, error, attempts, wait)
where parked.parked_id = kept.parked_id
"""

_POSTPONE = """
update parked
set attempts = attempts + 1,
    next_attempt_at = clock_timestamp()
      + make_interval(secs => least($4::float8, $3::float8 * power(2, least(attempts, 20))))
where topic = $1 and key = $2 and skipped_at is null and next_attempt_at <= clock_timestamp()
"""

_ERASE_OLDER = """
delete from parked
using unnest($2::text[], $3::bigint[]) as erased (key, sequence)
where parked.topic = $1 and parked.key = erased.key and parked.sequence < erased.sequence
  and parked.skipped_at is null
returning 1
"""

# A record outside of every order: its fingerprint stays, so that reading the
# log again does not bring it back.
_ERASE_UNORDERED = f"""
update parked set {SKIPPED}
where topic = $1 and key = any($2::text[]) and sequence is null and skipped_at is null
returning 1
"""  # noqa: S608 - nothing but the constant above goes in


@dataclass(slots=True)
class Waiting:
    """A parked row and the record that it holds."""

    parked_id: int
    attempts: int
    arrived: Arrived


async def park(conn: Connection, topic: Topic, parkings: Sequence[Parking]) -> list[Parking]:
    """Write the records down; those that are parked already are left out of the answer."""
    if not parkings:
        return []
    by_print: dict[bytes, Parking] = {}
    for parking in parkings:
        by_print.setdefault(parking.arrived.fingerprint(), parking)
    rows = await conn.fetch(
        _INSERT,
        topic.name,
        *map(list, zip(*(_row(print_, one) for print_, one in by_print.items()), strict=True)),
    )
    return [by_print[row["fingerprint"]] for row in rows]


async def of_key(conn: Connection, topic: Topic, key: str, *, limit: int) -> list[Waiting]:
    """The first parked records of a key, in order, read anew from their bytes."""
    rows = await conn.fetch(_OF_KEY, topic.name, key, topic.is_state, limit)
    return [
        Waiting(
            row["parked_id"],
            row["attempts"],
            read(
                topic,
                row["partition"],
                row["record_offset"],
                row["raw_key"],
                headers_from_text(row["raw_headers"]),
                row["raw_value"],
            ),
        )
        for row in rows
    ]


async def due(conn: Connection, topics: Collection[str], *, limit: int) -> list[tuple[str, str]]:
    """Topic and key of what should be tried again now, longest due first."""
    return [(row["topic"], row["key"]) for row in await conn.fetch(_DUE, list(topics), limit)]


async def wake(conn: Connection, topic: str, keys: Collection[str]) -> None:
    """What the first parked record of these keys waited for has happened."""
    if keys:
        known = BY_NAME.get(topic)
        await conn.execute(_WAKE, topic, list(keys), known is not None and known.is_state)


async def keep(conn: Connection, kept: Sequence[tuple[Waiting, Parking]]) -> None:
    """They stay parked after an attempt; the next one comes later than the last."""
    if not kept:
        return
    attempts = [
        waiting.attempts + (parking.reason is not Reason.BEHIND) for waiting, parking in kept
    ]
    await conn.execute(
        _KEEP,
        [waiting.parked_id for waiting, _ in kept],
        [parking.reason.value for _, parking in kept],
        [_storable(parking.error) for _, parking in kept],
        attempts,
        [_wait(parking.reason, count) for (_, parking), count in zip(kept, attempts, strict=True)],
    )


async def postpone(conn: Connection, topic: str, key: str) -> None:
    """An attempt at the key came to nothing at all; the next one comes later."""
    await conn.execute(_POSTPONE, topic, key, FIRST_RETRY, LONGEST_RETRY)


async def remove(conn: Connection, settled: Sequence[Waiting]) -> None:
    """They have been applied, or were replaced by something newer."""
    if settled:
        await conn.execute(
            "delete from parked where parked_id = any($1::bigint[])",
            [waiting.parked_id for waiting in settled],
        )


async def erase(conn: Connection, topic: Topic, erased: Mapping[str, int]) -> int:
    """Forget the bytes of keys whose tombstone, with this sequence, was applied; how many rows.

    Their positions are locked by this transaction.
    """
    if not erased:
        return 0
    keys = list(erased)
    older = await conn.fetch(_ERASE_OLDER, topic.name, keys, list(erased.values()))
    return len(older) + len(await conn.fetch(_ERASE_UNORDERED, topic.name, keys))


async def counts(conn: Connection) -> dict[tuple[str, str], int]:
    """How many records are parked now, by topic and reason."""
    rows = await conn.fetch(
        "select topic, reason, count(*) as n from parked where skipped_at is null group by 1, 2"
    )
    return {(row["topic"], row["reason"]): row["n"] for row in rows}


def _row(fingerprint: bytes, parking: Parking) -> tuple[object, ...]:
    one = parking.arrived
    attempts = 1 if parking.reason is Reason.FAILED else 0
    return (
        one.partition,
        one.offset,
        fingerprint,
        one.key,
        one.sequence,
        one.event_id,
        one.event_type,
        parking.reason.value,
        _storable(parking.error),
        one.raw_key,
        headers_to_text(one.raw_headers),
        one.raw_value,
        attempts,
        _wait(parking.reason, attempts),
    )


def _storable(text: str) -> str:
    # Postgres takes neither a NUL nor half of a surrogate pair.
    return text.replace("\0", "").encode(errors="replace").decode()


def _wait(reason: Reason, attempts: int) -> float | None:
    if reason not in _OWN_CLOCK:
        return None
    return failures.delay(max(attempts, 1), first=FIRST_RETRY, longest=LONGEST_RETRY)
