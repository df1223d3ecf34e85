"""Records: ready bytes, and the fastest way to get them into Kafka that the client library has."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeAlias

from aiokafka import AIOKafkaProducer
from samband_contracts.kafka import to_headers, to_value
from samband_kit import topics
from samband_kit.kafka import Headers, partition_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from samband_contracts.event import CloudEvent
    from samband_contracts.topics import Topic
    from samband_kit.settings import Settings

Record: TypeAlias = tuple[bytes, bytes | None, Headers]
"""Key, value and headers."""
Chains: TypeAlias = "Mapping[int, Sequence[Record]]"
"""Records by partition, in order."""


def ready(topic: Topic, events: Iterable[CloudEvent[Any]]) -> Chains:
    """The records of these events, as their owner's relay sends them."""
    return by_partition(
        topic,
        (
            (
                event.subject,
                to_value(event.data),
                [(name, text) for name, text in to_headers(event)],
            )
            for event in events
        ),
    )


def by_partition(topic: Topic, records: Iterable[tuple[str, bytes | None, Headers]]) -> Chains:
    """The records in the partitions that their keys belong to."""
    chains: dict[int, list[Record]] = defaultdict(list)
    for key, value, headers in records:
        chains[partition_of(key, topic.partitions)].append((key.encode(), value, headers))
    return chains


async def send(settings: Settings, topic: Topic, chains: Chains, times: int = 1) -> float:
    """Send everything `times` over; the seconds until all of it is acknowledged.

    Idempotent, in batches that are filled here, all partitions at once, the
    next batch always waiting behind the last.
    """
    name = topics.physical(settings.kafka_prefix, topic)
    producer = AIOKafkaProducer(
        **settings.kafka.options(),
        enable_idempotence=True,
        acks="all",
        max_batch_size=512 * 1024,
    )
    await producer.start()
    try:
        await producer.partitions_for(name)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for partition, chain in chains.items():
                group.create_task(_send_chain(producer, name, partition, chain, times))
        return time.perf_counter() - began
    finally:
        await producer.stop()


async def _send_chain(
    producer: AIOKafkaProducer, name: str, partition: int, chain: Sequence[Record], times: int
) -> None:
    sent = []
    batch = producer.create_batch()
    for _ in range(times):
        for key, value, headers in chain:
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                batch.close()
                # Returns when the batch before it is on its way, not when it is acknowledged.
                sent.append(await producer.send_batch(batch, name, partition=partition))
                batch = producer.create_batch()
                batch.append(timestamp=None, key=key, value=value, headers=headers)
    batch.close()
    sent.append(await producer.send_batch(batch, name, partition=partition))
    await asyncio.gather(*sent)
