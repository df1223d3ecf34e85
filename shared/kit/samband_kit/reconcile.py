"""Reconcile: does Kafka hold what the outbox says was published, and nothing else?

Every published row of an event topic must be in the log, and of a state topic
the newest of each key that was not set aside. What is missing is marked as unpublished, so that the
relay sends it again, in order; consumers know what they have had. What is in
the log and was never in the outbox is only reported: the database was restored
from an old copy, or somebody else writes to our topic.

The log is read into a table and compared there, so any number of records costs
little memory. The relay goes on meanwhile: what it publishes after the start
is left out.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from samband_contracts.kafka import PULSE_KEY

from samband_kit import audit, database, kafka, outbox, topics
from samband_kit.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence
    from datetime import datetime

    from samband_contracts.topics import Topic

    from samband_kit.database import Connection
    from samband_kit.settings import Settings

_CHUNK = 5_000
_COLUMNS = ("topic", "key", "sequence", "event_id", "partition", "record_offset")

_MISSING_EVENTS = """
insert into reconcile_missing (position)
select position from outbox fact
where topic = $1 and published_at <= $2 and quarantined_at is null
  and not exists (
      select from reconcile_log record
      where record.topic = $1 and record.key = fact.key and record.sequence = fact.sequence)
"""

# The last record of a key is what compaction keeps and a newcomer believes.
_MISSING_STATE = """
insert into reconcile_missing (position)
select position
from (select distinct on (key) position, key, sequence, published_at
      from outbox where topic = $1 and quarantined_at is null order by key, sequence desc) fact
where published_at <= $2
  and fact.sequence > coalesce((
      select last.sequence from (
          select distinct on (key) key, sequence
          from reconcile_log where topic = $1 order by key, record_offset desc) last
      where last.key = fact.key), 0)
"""

_STRANGE_EVENTS = """
select key, sequence, event_id, partition, record_offset from reconcile_log record
where topic = $1 and not exists (
    select from outbox fact
    where fact.topic = $1 and fact.key = record.key and fact.sequence = record.sequence
      and fact.event_id = record.event_id)
"""

# Replaced state is forgotten here, so a record without its row is no stranger. One without
# a sequence is no event.
_STRANGE_STATE = """
select record.key, record.sequence, record.event_id, partition, record_offset
from reconcile_log record
left join outbox_counters counter on counter.topic = $1 and counter.key = record.key
left join outbox fact
  on fact.topic = $1 and fact.key = record.key and fact.sequence = record.sequence
where record.topic = $1
  and (record.sequence is null or record.sequence > coalesce(counter.last_sequence, 0)
       or fact.event_id <> record.event_id)
"""

# Newer state must not be overtaken by older: the lock keeps writers of the key away, and
# where one was faster this row is not the newest any more, and stays as it is.
_SEND_AGAIN = f"""
with again as materialized (
    select fact.position from outbox fact
    join outbox_counters counter on counter.topic = fact.topic and counter.key = fact.key
    where fact.position = any($1::bigint[])
      and (not $2 or not {outbox.REPLACED})
    order by counter.topic, counter.key collate "C"
    for update of counter)
update outbox set published_at = null from again
where outbox.position = again.position and published_at is not null
"""  # noqa: S608 - nothing but our own words goes in


class TopicGone(Conflict):
    """The topic {topic} does not exist on this Kafka. Run `topics` first, then this again."""


class AlreadyReconciling(Conflict):
    """Somebody else reconciles this service at this moment."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A record in the log that no row of the outbox explains."""

    partition: int
    offset: int
    key: str | None = None
    sequence: int | None = None
    event_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one topic's log and the outbox say about each other."""

    topic: str
    records: int
    missing: int
    strangers: int
    """`strangers` tells which."""


@asynccontextmanager
async def reconciling(settings: Settings) -> AsyncIterator[Connection]:
    """A connection for `compare` and `send_again`; one of these at a time per service.

    Raises:
        AlreadyReconciling: another one is at work.
    """
    conn = await database.connect(settings, command_timeout=None)
    try:
        await conn.execute("set statement_timeout = 0")
        if not await conn.fetchval(
            "select pg_try_advisory_lock(hashtextextended('samband reconcile ' || current_schema(), 0))"
        ):
            raise AlreadyReconciling
        await _empty(conn)
        yield conn
        await _empty(conn)
    finally:
        await conn.close()


async def compare(conn: Connection, settings: Settings, topic: Topic) -> Comparison:
    """Read the topic's log and note the rows that are missing in it, for `send_again`.

    Raises:
        TopicGone: there is no log.
    """
    name = topics.physical(settings.kafka_prefix, topic)
    async with kafka.Administration(settings.kafka) as administration:
        if name not in await administration.names():
            raise TopicGone(topic=topic.name)
    await _empty(conn)
    # Whatever was marked as published by now had been acknowledged before we look how far the
    # log goes.
    before: datetime = await conn.fetchval("select clock_timestamp()")
    records = await _read_log(conn, settings, topic, name)
    await conn.execute("analyze reconcile_log")
    await conn.execute(_MISSING_STATE if topic.is_state else _MISSING_EVENTS, topic.name, before)
    return Comparison(
        topic.name,
        records,
        await conn.fetchval("select count(*) from reconcile_missing"),
        await conn.fetchval(
            f"select count(*) from ({_strange(topic)}) as strange",  # noqa: S608 - as above
            topic.name,
        ),
    )


async def strangers(conn: Connection, topic: Topic) -> AsyncGenerator[Stranger, None]:
    """Every stranger of the topic that was compared last, as they stand in the log."""
    async with conn.transaction():
        async for row in conn.cursor(
            f"{_strange(topic)} order by partition, record_offset", topic.name, prefetch=_CHUNK
        ):
            yield Stranger(
                row["partition"], row["record_offset"], row["key"], row["sequence"], row["event_id"]
            )


async def send_again(conn: Connection, topic: Topic, *, operator: str, reason: str) -> int:
    """Hand what `compare` found missing to the relay, lowest first; returns how many rows.

    In small transactions: the relay may be at work on the first while the last are marked.
    """
    total = 0
    while True:
        async with conn.transaction():
            rows = await conn.fetch(
                """
                delete from reconcile_missing
                where position in (select position from reconcile_missing order by position limit $1)
                returning position
                """,
                _CHUNK,
            )
            if not rows:
                break
            positions = [row["position"] for row in rows]
            marked = _count(await conn.execute(_SEND_AGAIN, positions, topic.is_state))
            await audit.record(
                conn,
                operator=operator,
                command="reconcile",
                subject=f"{topic.name} {marked} rows, positions {min(positions)} to {max(positions)}",
                reason=reason,
            )
        total += marked
    if total:
        await outbox.wake(conn)
    return total


async def _read_log(conn: Connection, settings: Settings, topic: Topic, name: str) -> int:
    records = 0
    chunk: list[tuple[Any, ...]] = []
    async for record in kafka.read(settings.kafka, name):
        if record.key == PULSE_KEY.encode() and topic.max_compaction_lag_hours is not None:
            continue
        records += 1
        chunk.append((topic.name, *_identity(record), record.partition, record.offset))
        if len(chunk) == _CHUNK:
            await _keep(conn, chunk)
            chunk = []
    await _keep(conn, chunk)
    return records


def _identity(record: kafka.Record) -> tuple[str, int, UUID] | tuple[None, None, None]:
    """Key, sequence and event id, as the relay wrote them; nothing for what is no event."""
    headers = dict(record.headers)
    try:
        key, event_id = (record.key or b"").decode(), (headers.get("ce_id") or b"").decode()
        sequence = int(headers.get("ce_sequence") or b"")
        found = key, sequence, UUID(event_id)
    except ValueError:
        return None, None, None
    if key and "\0" not in key and 0 < sequence < 2**63:
        return found
    return None, None, None


async def _keep(conn: Connection, chunk: Sequence[tuple[Any, ...]]) -> None:
    await conn.copy_records_to_table("reconcile_log", records=chunk, columns=_COLUMNS)


async def _empty(conn: Connection) -> None:
    await conn.execute("truncate reconcile_log, reconcile_missing")


def _strange(topic: Topic) -> str:
    return _STRANGE_STATE if topic.is_state else _STRANGE_EVENTS


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
