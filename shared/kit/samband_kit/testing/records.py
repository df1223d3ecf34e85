"""Records for tests: whatever bytes a test wants to put into Kafka, and what lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from samband_contracts.kafka import parse
from samband_contracts.topics import ALL, Topic

from samband_kit import kafka, topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.event import CloudEvent

    from samband_kit.settings import Settings


async def create_topics(settings: Settings, wanted: Sequence[Topic] = ALL) -> None:
    """Create the topics of a test, as the topics job does."""
    await topics.ensure_topics(settings, wanted)


async def publish_raw(
    settings: Settings,
    topic: Topic,
    *,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]] = (),
    partition: int | None = None,
) -> None:
    """Put one record into the topic, with any bytes, null header values included."""
    name = topics.physical(settings.kafka_prefix, topic)
    async with kafka.Producer.running(settings.kafka) as producer:
        count = await producer.partitions(name)
        if partition is None:
            partition = kafka.partition_of(key.decode("latin-1"), count) if key else 0
        batch = producer.batch()
        batch.append(key, value, list(headers))
        await producer.send(batch, name, partition)


async def read_topic(settings: Settings, topic: Topic) -> list[kafka.Record]:
    """Every record of the topic, in order within a partition."""
    name = topics.physical(settings.kafka_prefix, topic)
    return [record async for record in kafka.read(settings.kafka, name)]


async def read_events(settings: Settings, topic: Topic) -> list[CloudEvent[Any]]:
    """Every event of the topic, in order within a key; raises for a record that is none."""
    return [
        parse(topic, record.key, record.headers, record.value)
        for record in await read_topic(settings, topic)
    ]
