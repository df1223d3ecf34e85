"""Reading: a whole topic as it lies there, for tracing and testing."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from samband_kit.kafka.access import unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.kafka.access import Access

_AT_ONCE = 2000
"""Records unpacked at once: unbounded it would be a megabyte per partition, ten times as objects."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies in Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


async def read(access: Access, topic: str) -> AsyncIterator[Record]:
    """Every record that the topic holds now, in order within a partition, outside of any group."""
    async with looking_at(topic, access, auto_offset_reset="earliest") as (consumer, places):
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        left = {place for place in places if begins[place] < ends[place]}
        consumer.assign(list(left))
        while left:
            for place, messages in (
                await consumer.getmany(*left, timeout_ms=200, max_records=_AT_ONCE)
            ).items():
                for message in messages:
                    if message.offset < ends[place]:
                        yield _record(message)
            left = {place for place in left if await consumer.position(place) < ends[place]}


async def was_written(access: Access, topic: str) -> bool:
    """Whether the topic has ever held a record, one that is gone by now included."""
    async with looking_at(topic, access) as (consumer, places):
        return any((await consumer.end_offsets(places)).values())


@asynccontextmanager
async def looking_at(
    topic: str, access: Access, **options: Any
) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    """A consumer that commits nothing by itself, and the partitions of the topic.

    Raises:
        KafkaUnreachable: no broker answered.
    """
    given = {"client_id": f"samband-read-{uuid.uuid4()}", "enable_auto_commit": False, **options}
    consumer = AIOKafkaConsumer(**access.options(), **given)
    try:
        await consumer.start()
        # The consumer's own list is empty until somebody asks for this topic.
        numbers = await consumer._client._wait_on_metadata(topic)  # noqa: SLF001 - there is no public way
        yield consumer, [TopicPartition(topic, number) for number in set(numbers)]
    except KafkaConnectionError as error:
        raise await unreachable(access, error) from error
    finally:
        await consumer.stop()


def _record(message: Any) -> Record:
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=message.timestamp,
        key=message.key,
        value=message.value,
        headers=tuple(message.headers),
    )
