"""Producing: batches with an idempotent producer that never hangs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self, TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from samband_kit.kafka.access import unreachable
from samband_kit.kafka.ending import hang_up, unbroken
from samband_kit.kafka.failures import KafkaError, KafkaUnreachable, NotAllowed, TopicUnknown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.kafka.access import Access

Headers: TypeAlias = list[tuple[str, bytes | None]]

_BATCH_BYTES = 512 * 1024
_REQUEST_MS = 15_000
_STOP_SECONDS = 5.0


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
    """An idempotent producer for batches; make one with `running`.

    After an error other than of `partitions` it must not be used again: an
    idempotent producer that lost a batch fails every later one.
    """

    def __init__(self, access: Access) -> None:
        self._producer = AIOKafkaProducer(
            **access.options(),
            enable_idempotence=True,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            request_timeout_ms=_REQUEST_MS,
        )

    @classmethod
    async def start(cls, access: Access, *, seconds: float = 10.0) -> Self:
        """Connect.

        Raises:
            KafkaUnreachable: no broker answered within `seconds`, or let us in.
            KafkaError: there is no topic that we may write.
        """
        producer = cls(access)
        try:
            async with asyncio.timeout(seconds):
                await unbroken(producer._producer.start())
        except BaseException as error:
            await producer.close(seconds=0)
            if isinstance(error, (TimeoutError, KafkaError)) and not isinstance(error, NotAllowed):
                raise await unreachable(access, error) from error
            raise
        return producer

    @classmethod
    @asynccontextmanager
    async def running(cls, access: Access) -> AsyncIterator[Self]:
        """A started producer, closed at the end; without flushing when the block raises.

        What was not acknowledged will be sent again by whoever retries, and
        must not leave later on top of that.
        """
        producer = await cls.start(access)
        try:
            yield producer
        except BaseException:
            await producer.close(seconds=0)
            raise
        await producer.close()

    def known_partitions(self, topic: str) -> int:
        """How many partitions the topic has, 0 if that is not known yet."""
        return len(self._producer.client.cluster.partitions_for_topic(topic) or ())

    async def partitions(self, topic: str, *, seconds: float = 1.0) -> int:
        """How many partitions the topic has; asks Kafka when it is not known.

        Raises:
            TopicUnknown: Kafka did not come to know it within `seconds`.
            KafkaUnreachable: no answer within twice as many.
            KafkaError: Kafka does not let us see the topic.
        """
        try:
            async with asyncio.timeout(seconds):
                return len(await self._producer.partitions_for(topic))
        except TimeoutError as error:
            if await self._hears(seconds):
                raise TopicUnknown(f"Kafka does not know the topic {topic}.") from error
            raise KafkaUnreachable("Kafka does not answer.") from error

    async def _hears(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return bool(await self._producer.client.force_metadata_update())
        except TimeoutError:
            return False

    def batch(self) -> Batch:
        """An empty batch."""
        return Batch(self._producer)

    async def send(self, batch: Batch, topic: str, partition: int) -> None:
        """Send a batch and wait until all in-sync replicas have it.

        One batch at a time per partition: a second one behind a failing first
        could be accepted before it. Waits for as long as Kafka is away.
        """
        batch._builder.close()  # noqa: SLF001 - the class above, in two halves
        sent = await self._producer.send_batch(batch._builder, topic, partition=partition)  # noqa: SLF001 - as above
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
        unsent = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001 - as above
        unsent += accumulator._pending_batches  # noqa: SLF001 - as above
        accumulator.fail_all(KafkaTimeoutError())
        for batch in unsent:
            # Nobody waits for these; looking at them keeps asyncio from reporting them.
            for future in (batch.future, batch._drain_waiter):  # noqa: SLF001 - as above
                if future.done() and not future.cancelled():
                    future.exception()
        await hang_up(self._producer.client)
        sender = self._producer._sender.sender_task  # noqa: SLF001 - as above
        if sender is not None:
            sender.cancel()
        await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
        stopping.cancel()
        await asyncio.wait({stopping}, timeout=1)
