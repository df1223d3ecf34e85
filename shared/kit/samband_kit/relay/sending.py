"""Sending: one batch of outbox rows to Kafka, in order within each partition.

Rows of one partition form a chain: its batches go one after another, each
only when the one before is acknowledged, because Kafka could accept a second
batch although it refuses the first. Chains of different partitions go at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from samband_kit.failpoints import Failpoint, reach
from samband_kit.kafka import (
    KafkaError,
    KafkaUnreachable,
    NotAllowed,
    TopicUnknown,
    Unsendable,
    partition_of,
)
from samband_kit.leadership import LeadershipLost
from samband_kit.tracing import messaging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_kit.kafka import Headers, Producer
    from samband_kit.leadership import Leadership
    from samband_kit.relay.store import Row

LARGEST = 8 * 1024 * 1024
"""Bytes of a value that is not even tried: Kafka would hang up instead of refusing it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Rows of one chain or topic that Kafka did not take, lowest first, and why.

    `is_of_topic` says that Kafka knows no such topic, or none that we may see:
    nothing of it has left, and the producer is as good as before.
    """

    topic: str
    rows: Sequence[Row]
    error: KafkaError | KafkaUnreachable
    is_of_topic: bool = False


@dataclass(slots=True)
class Sending:
    """What is known so far about a batch on its way; filled while `send` runs."""

    acknowledged: list[int] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long acknowledgements are waited for: normally, and once `stop` is set."""

    stop: asyncio.Event
    seconds: float
    seconds_after_stop: float


async def send(producer: Producer, prefix: str, rows: Sequence[Row], sending: Sending) -> None:
    """Send the rows and note in `sending` what became of each. Waits as long as Kafka is away."""
    topics: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        topics[row[1]].append(row)
    with messaging.sending(rows) as span:
        async with asyncio.TaskGroup() as group:
            for topic, its_rows in topics.items():
                count = producer.known_partitions(prefix + topic)
                if count == 0:
                    group.create_task(_ask_and_send(producer, prefix, topic, its_rows, sending))
                    continue
                for partition, chain in _chains(its_rows, count).items():
                    group.create_task(
                        _send_chain(producer, prefix, topic, partition, chain, sending)
                    )
        if sending.failures:
            span.failed(type(sending.failures[0].error).__name__)


async def guard(leadership: Leadership, task: asyncio.Task[None], patience: Patience) -> None:
    """Wait for a `send` as long as that makes sense.

    Raises:
        TimeoutError: Kafka takes too long.
        LeadershipLost: another relay may be at work.
    """
    deadline = time.monotonic() + patience.seconds
    while not task.done():
        await asyncio.wait(
            {task, leadership.lost}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED
        )
        if leadership.lost.done():
            raise LeadershipLost("its connection was closed")
        if task.done():
            break
        if patience.stop.is_set():
            deadline = min(deadline, time.monotonic() + patience.seconds_after_stop)
        if time.monotonic() > deadline:
            raise TimeoutError("Kafka did not acknowledge in time")
        await leadership.check()
    await task


async def _ask_and_send(
    producer: Producer, prefix: str, topic: str, rows: list[Row], sending: Sending
) -> None:
    try:
        count = await producer.partitions(prefix + topic)
    except (KafkaError, KafkaUnreachable) as error:
        of_topic = isinstance(error, (TopicUnknown, NotAllowed))
        sending.failures.append(Failure(topic, rows, error, is_of_topic=of_topic))
        return
    async with asyncio.TaskGroup() as group:
        for partition, chain in _chains(rows, count).items():
            group.create_task(_send_chain(producer, prefix, topic, partition, chain, sending))


def _chains(rows: list[Row], count: int) -> dict[int, list[Row]]:
    chains: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        chains[partition_of(row[2], count)].append(row)
    return chains


async def _send_chain(
    producer: Producer,
    prefix: str,
    topic: str,
    partition: int,
    rows: list[Row],
    sending: Sending,
) -> None:
    start = 0
    try:
        while start < len(rows):
            batch = producer.batch()
            append = batch.append
            end = start
            for _, _, key, headers, value in rows[start:]:
                if not append(key.encode(), _sendable(value), _decoded(headers)):
                    break
                end += 1
            await producer.send(batch, prefix + topic, partition)
            sending.acknowledged.extend(row[0] for row in rows[start:end])
            await reach(Failpoint.RELAY_ACKNOWLEDGED)
            start = end
    except KafkaError as error:
        sending.failures.append(Failure(topic, rows[start:], error))


def _decoded(headers: str) -> Headers:
    try:
        return [(name, text.encode()) for name, text in json.loads(headers).items()]
    except (AttributeError, TypeError, ValueError) as error:
        raise Unsendable(f"headers are not an object of texts: {error}") from error


def _sendable(value: bytes | None) -> bytes | None:
    if value is not None and len(value) > LARGEST:
        raise Unsendable(f"the value has {len(value)} bytes")
    return value
