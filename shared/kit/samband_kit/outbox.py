"""Outbox: facts leave a service only through this table.

`append` writes the event on the caller's connection, so the fact and the
state that caused it commit together or not at all. Nothing here talks to
Kafka; that is the relay's work. Delivery is at least once, in order within a
key, and no fact is ever dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from samband_contracts.event import CloudEvent, Event, schema_uri
from samband_contracts.kafka import to_texts, to_value
from samband_contracts.topics import topic_of

from samband_kit import correlation
from samband_kit.failpoints import Failpoint, reach
from samband_kit.ids import new_id
from samband_kit.outages import POSTGRES_AWAY
from samband_kit.tracing import messaging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from samband_kit.database import Connection

LARGEST = 256 * 1024
"""Bytes of value and headers together. Kafka takes 1 MiB; the rest is reserve."""

REPLACED = """
    counter.last_sequence - fact.sequence > (
        select count(*) from outbox aside
        where aside.topic = fact.topic and aside.key = fact.key
          and aside.sequence > fact.sequence and aside.quarantined_at is not null)"""
"""Whether state, a row `fact` with its `counter`, has been replaced by something newer.

What was set aside replaces nothing: Kafka never had it. It is counted, because
rows that replaced this one may have been forgotten.
"""

_appended: ContextVar[list[bool] | None] = ContextVar("samband_outbox_appended", default=None)
_collecting: ContextVar[Collected | None] = ContextVar("samband_outbox_collecting", default=None)

# Takes the locks in the order of the arrays, which are sorted: two writers of
# the same keys wait for each other instead of deadlocking.
_COUNT = """
insert into outbox_counters as counter (topic, key, last_sequence)
select topic, key, n from unnest($1::text[], $2::text[], $3::bigint[]) as wanted (topic, key, n)
on conflict (topic, key) do update
  set last_sequence = counter.last_sequence + excluded.last_sequence
returning topic, key, last_sequence
"""

_INSERT = """
insert into outbox
  (topic, key, sequence, event_id, event_type, correlation_id, headers, value)
select topic, key, sequence, event_id, event_type, correlation_id, headers::json, value
from unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::uuid[], $7::text[],
            $8::bytea[])
  as fact (topic, key, sequence, event_id, event_type, correlation_id, headers, value)
"""

# A commit of its own, which writes nothing that anybody must find again after a crash: it
# does not wait for the disk.
_WAKE = """
select pg_notify('samband_outbox_' || current_schema(), '')
from set_config('synchronous_commit', 'off', true)
"""


class EventTooLarge(ValueError):
    """An event that Kafka might refuse; it is refused where it is written instead."""


async def append(
    conn: Connection,
    events: Sequence[Event],
    *,
    causes: Sequence[CloudEvent[Any] | correlation.Correlation | None] | None = None,
) -> None:
    """Write events in the caller's transaction, each with the next number of its key.

    Events of one key keep the order given. The keys stay locked until the
    transaction ends, so append everything of a transaction in one call: two
    calls could lock keys in an order that deadlocks with another writer.
    Inside of `collected` that takes care of itself.

    `causes` names for each event the fact that led to it, or the correlation
    that was kept of it; without it the events belong to the running correlation.

    Raises:
        EventTooLarge: more than 256 KiB; nothing was written.
        KeyError: the class belongs to no topic.
        ValueError: there are not as many causes as events.
    """
    running = correlation.current() or correlation.Correlation(new_id())
    reasons = [None] * len(events) if causes is None else causes
    facts = [
        _Fact(
            event,
            to_value(event),
            (topic_of(type(event)).name, event.key),
            _because(cause) or running,
        )
        for event, cause in zip(events, reasons, strict=True)
    ]
    for fact in facts:
        _check_size(fact.event, len(fact.value or b""))
    collecting = _collecting.get()
    if collecting is not None:
        collecting.facts.extend(facts)
    else:
        await _write(conn, facts)


@dataclass(slots=True)
class _Fact:
    event: Event
    value: bytes | None
    place: tuple[str, str]
    why: correlation.Correlation


@dataclass(slots=True)
class Collected:
    """What was appended in one transaction and is written at its end."""

    facts: list[_Fact] = field(default_factory=list)

    def forget(self, kept: int) -> None:
        """Take back all but the first `kept` events: what appended them was rolled back."""
        del self.facts[kept:]

    async def write(self, conn: Connection) -> None:
        """Write them all; two statements and one order of locks for any number of appends."""
        await _write(conn, self.facts)
        self.facts = []


@contextmanager
def collected() -> Iterator[Collected]:
    """What this task appends inside waits for `Collected.write`."""
    collecting = Collected()
    token = _collecting.set(collecting)
    try:
        yield collecting
    finally:
        _collecting.reset(token)


async def _write(conn: Connection, facts: Sequence[_Fact]) -> None:
    if not facts:
        return
    await reach(Failpoint.OUTBOX_APPENDING)
    with messaging.creating([(fact.place[0], fact.why) for fact in facts]) as traceparents:
        next_sequence = await _reserve(conn, Counter(fact.place for fact in facts))
        now = datetime.now(UTC)
        rows = []
        for fact, traceparent in zip(facts, traceparents, strict=True):
            sequence = next_sequence[fact.place]
            next_sequence[fact.place] = sequence + 1
            row = _row(fact.event, fact.place, sequence, now, fact.why, traceparent)
            rows.append((*row, fact.value))
        await conn.execute(_INSERT, *map(list, zip(*rows, strict=True)))
    await reach(Failpoint.OUTBOX_APPENDED)
    watcher = _appended.get()
    if watcher is not None:
        watcher.append(True)


@contextmanager
def watched() -> Iterator[Callable[[], bool]]:
    """Whether anything was appended inside, by this task: `with watched() as appended`."""
    seen: list[bool] = []
    token = _appended.set(seen)
    try:
        yield lambda: bool(seen)
    finally:
        _appended.reset(token)


def channel(schema: str) -> str:
    """The notification channel on which the relay of `schema` is woken."""
    return f"samband_outbox_{schema}"


async def wake(conn: Connection) -> None:
    """Wake the relay. Never raises for a lost connection: polling finds the rows anyway.

    Outside of any transaction only: NOTIFY takes a cluster-wide lock at commit.
    """
    try:
        await conn.execute(_WAKE)
    except POSTGRES_AWAY:
        return


def _check_size(event: Event, size: int) -> None:
    # Headers are well below 2 KiB; counted as that, so that the check needs no sequence.
    if size + 2048 > LARGEST:
        raise EventTooLarge(
            f"{type(event).__name__} of {event.key} has {size} bytes; {LARGEST - 2048} are possible."
        )


async def _reserve(
    conn: Connection, wanted: Counter[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    places = sorted(wanted)
    rows = await conn.fetch(
        _COUNT,
        [topic for topic, _ in places],
        [key for _, key in places],
        [wanted[place] for place in places],
    )
    return {
        (row["topic"], row["key"]): row["last_sequence"] - wanted[row["topic"], row["key"]] + 1
        for row in rows
    }


def _because(
    cause: CloudEvent[Any] | correlation.Correlation | None,
) -> correlation.Correlation | None:
    if cause is None or isinstance(cause, correlation.Correlation):
        return cause
    return correlation.Correlation(cause.correlation_id or cause.id, cause.id, cause.traceparent)


def _row(
    event: Event,
    place: tuple[str, str],
    sequence: int,
    now: datetime,
    why: correlation.Correlation,
    traceparent: str | None,
) -> tuple[str, str, int, UUID, str, UUID, str]:
    envelope = CloudEvent(
        id=new_id(),
        source=topic_of(type(event)).source,
        type=event.TYPE,
        subject=place[1],
        time=now,
        sequence=sequence,
        data=event,
        dataschema=schema_uri(event.TYPE),
        correlation_id=why.correlation_id,
        causation_id=why.causation_id,
        traceparent=traceparent,
    )
    headers = json.dumps(to_texts(envelope))
    return (*place, sequence, envelope.id, event.TYPE, why.correlation_id, headers)
