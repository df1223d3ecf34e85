"""Kafka: the one module that touches aiokafka, which has no types of its own.

A producer that can always be got rid of, the administration of topics, and a
reader of whole topics. FastStream consumes; nothing here does so for effects.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    CorruptRecordException,
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedForMessageFormatError,
    for_code,
)
from aiokafka.partitioner import murmur2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    Headers = Sequence[tuple[str, bytes | None]]

__all__ = [
    "REFUSED",
    "Administration",
    "Batch",
    "KafkaError",
    "KafkaUnreachable",
    "Producer",
    "Record",
    "TopicDescription",
    "UnknownTopicOrPartitionError",
    "partition_of",
    "read",
]

REFUSED = (
    CorruptRecordException,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    UnsupportedForMessageFormatError,
)
"""Errors that a record brings upon itself: sending it again gives the same answer."""

TOPIC_ERRORS = (TopicAuthorizationFailedError, UnknownTopicOrPartitionError)

_BATCH_BYTES = 512 * 1024
_REQUEST_MS = 15_000
_STOP_SECONDS = 5.0


class KafkaUnreachable(Exception):
    """Kafka did not answer in time."""


@lru_cache(maxsize=65_536)
def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, as every Kafka client computes it."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


class Batch:
    """Records for one partition, sent and acknowledged as one."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._builder = producer.create_batch()
        # Bound once: this is called for every record of the system.
        self._append = self._builder.append

    def append(self, key: bytes | None, value: bytes | None, headers: Headers) -> bool:
        """Add a record; False when the batch is full and the record is not in it.

        The first record is always taken, however large.
        """
        return self._append(timestamp=None, key=key, value=value, headers=headers) is not None


class Producer:
    """An idempotent producer for batches; make one with `start`, end it with `close`.

    After an error other than of `partitions` it must not be used again: an
    idempotent producer that lost a batch fails every later one.
    """

    def __init__(self, servers: str) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=servers,
            enable_idempotence=True,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            request_timeout_ms=_REQUEST_MS,
        )

    @classmethod
    async def start(cls, servers: str, *, seconds: float = 10.0) -> Producer:
        """Connect.

        Raises:
            KafkaUnreachable: no broker answered within `seconds`.
        """
        producer = cls(servers)
        try:
            async with asyncio.timeout(seconds):
                await producer._producer.start()
        except BaseException as error:
            await producer.close(seconds=0)
            if isinstance(error, (TimeoutError, KafkaError)):
                raise KafkaUnreachable(f"Kafka at {servers} does not answer: {error}") from error
            raise
        return producer

    def known_partitions(self, topic: str) -> int:
        """How many partitions the topic has, 0 if that is not known yet."""
        return len(self._producer.client.cluster.partitions_for_topic(topic) or ())

    async def partitions(self, topic: str, *, seconds: float = 5.0) -> int:
        """How many partitions the topic has; asks Kafka when it is not known.

        Raises:
            KafkaUnreachable: no answer, or no such topic, within `seconds`.
            KafkaError: Kafka does not let us see the topic.
        """
        try:
            async with asyncio.timeout(seconds):
                return len(await self._producer.partitions_for(topic))
        except TimeoutError as error:
            raise KafkaUnreachable(f"Kafka does not know the topic {topic}.") from error

    def batch(self) -> Batch:
        """An empty batch."""
        return Batch(self._producer)

    async def send(self, batch: Batch, topic: str, partition: int) -> None:
        """Send a batch and wait until all in-sync replicas have it.

        One batch at a time per partition: a second one behind a failing first
        could be accepted before it. Waits for as long as Kafka is away.
        """
        batch._builder.close()  # noqa: SLF001 - the class above, in two halves
        sent = await self._producer.send_batch(batch._builder, topic, partition=partition)  # noqa: SLF001
        await sent

    async def close(self, *, seconds: float = _STOP_SECONDS) -> None:
        """Flush and disconnect; after `seconds` disconnect without flushing. Never hangs."""
        stopping = asyncio.ensure_future(self._producer.stop())
        done, _ = await asyncio.wait({stopping}, timeout=seconds)
        if not done:
            await self._abandon(stopping)
        elif (error := stopping.exception()) is not None and not isinstance(error, KafkaError):
            raise error

    async def _abandon(self, stopping: asyncio.Future[None]) -> None:
        # stop() waits for batches that will never be acknowledged, and for
        # requests that will never be answered: fail the first, cut the second.
        accumulator = self._producer._message_accumulator  # noqa: SLF001 - there is no public way
        accumulator.fail_all(KafkaTimeoutError())
        await self._producer.client.close()
        sender = self._producer._sender.sender_task  # noqa: SLF001 - there is no public way
        if sender is not None:
            sender.cancel()
        await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
        stopping.cancel()
        await asyncio.wait({stopping}, timeout=1)


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic as it is on the cluster; `configs` are the effective ones."""

    name: str
    partitions: int
    configs: Mapping[str, str]


class Administration:
    """Topics of a cluster: `async with Administration(servers) as kafka`."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._client: Any = None

    async def __aenter__(self) -> Administration:
        self._client = AIOKafkaAdminClient(
            bootstrap_servers=self._servers, request_timeout_ms=_REQUEST_MS
        )
        try:
            await self._client.start()
        except KafkaError as error:
            await self._client.close()
            raise KafkaUnreachable(f"Kafka at {self._servers} does not answer: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def brokers(self) -> int:
        """How many brokers the cluster has."""
        return len((await self._client.describe_cluster())["brokers"])

    async def names(self) -> list[str]:
        """The names of all topics."""
        return [str(name) for name in await self._client.list_topics()]

    async def describe(self, names: Sequence[str]) -> dict[str, TopicDescription]:
        """The topics of `names` that exist."""
        found = {
            topic["topic"]: len(topic["partitions"])
            for topic in await self._client.describe_topics()
            if topic["topic"] in names
        }
        configs = await self._configs(list(found)) if found else {}
        return {
            name: TopicDescription(name, partitions, configs[name])
            for name, partitions in found.items()
        }

    async def create(
        self, name: str, *, partitions: int, replicas: int, configs: Mapping[str, str]
    ) -> None:
        """Create a topic; one that another process has just created is left alone."""
        topic = NewTopic(name, partitions, replicas, topic_configs=dict(configs))
        answer = await self._client.create_topics([topic])
        for _name, code, *message in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(*message)

    async def extend(self, name: str, partitions: int) -> None:
        """Give a topic more partitions."""
        await self._client.create_partitions({name: NewPartitions(partitions)})

    async def delete(self, names: Sequence[str]) -> None:
        """Delete topics; unknown ones are ignored."""
        await self._client.delete_topics(list(names))

    async def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found: dict[str, dict[str, str]] = {}
        for answer in await self._client.describe_configs(wanted):
            for code, message, _type, name, entries in answer.resources:
                if code:
                    raise for_code(code)(message)
                found[name] = {entry[0]: entry[1] for entry in entries}
        return found


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


async def read(servers: str, topic: str) -> AsyncIterator[Record]:
    """Every record that the topic holds now, in order within a partition, outside of any group."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers,
        client_id=f"samband-read-{uuid.uuid4()}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in await _partitions(consumer, topic)]
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        left = {place for place in places if begins[place] < ends[place]}
        consumer.assign(list(left))
        while left:
            for place, messages in (await consumer.getmany(*left, timeout_ms=200)).items():
                for message in messages:
                    if message.offset < ends[place]:
                        yield _record(message)
            left = {place for place in left if await consumer.position(place) < ends[place]}
    except KafkaConnectionError as error:
        raise KafkaUnreachable(str(error)) from error
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    # The consumer's own list is empty until somebody asks for this topic.
    return set(await consumer._client._wait_on_metadata(topic))  # noqa: SLF001 - there is no public way


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
