"""Consumers: the component that reads a service's topics for as long as it runs.

It survives an unreachable Kafka and an unreachable Postgres: it waits and
goes on. When it makes no progress although both answer, the watchdog has it
rebuilt.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress
from contextvars import Context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from faststream.exceptions import NackMessage
from faststream.kafka.prometheus import KafkaPrometheusMiddleware

from samband_kit import database
from samband_kit.consumer import failures
from samband_kit.consumer.ahead import in_batches
from samband_kit.consumer.batch import apply_batch
from samband_kit.consumer.closing import stop_subscribers
from samband_kit.consumer.plan import Reason
from samband_kit.consumer.reader import Reader
from samband_kit.consumer.subscriber import build_broker, subscribe
from samband_kit.failpoints import Failpoint, reach
from samband_kit.logs import get_logger
from samband_kit.outages import POSTGRES_AWAY
from samband_kit.pauses import Stopped, pause, unless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import AIOKafkaConsumer, TopicPartition
    from faststream.kafka import KafkaBroker
    from samband_contracts.topics import Topic

    from samband_kit.consumer.batch import Settled
    from samband_kit.consumer.records import Arrived
    from samband_kit.consumer.retries import Retries
    from samband_kit.consumer.subscriber import OnRecords, Records
    from samband_kit.metrics import ConsumeMetrics
    from samband_kit.reactions import Reaction
    from samband_kit.service import Runtime

log = get_logger(__name__)

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 15.0
_START_SECONDS = 60.0
_STUBBORN_AFTER = 5
_ANSWER_SECONDS = 5.0
_LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Reading:
    """How one topic is going; what the watchdog looks at."""

    reaction: Reaction
    subscriber: Any = None
    settled: int = 0
    """Rises with every record that came to an end, also inside of a batch; what was
    rolled back is taken off again."""
    in_flight: bool = False
    failed: int = 0
    """Batches in a row that were rolled back."""
    reached: dict[int, int] = field(default_factory=dict)
    """By partition, the offset after the last settled record."""
    written_at: dict[int, float] = field(default_factory=dict)
    """By partition, when the last settled record was written (Unix time)."""

    @property
    def topic(self) -> Topic:
        return self.reaction.topic

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """aiokafka's consumer while there is one."""
        return None if self.subscriber is None else self.subscriber.consumer

    @property
    def has_died(self) -> bool:
        """Whether its consumer will never read again."""
        return isinstance(self.consumer, Reader) and self.consumer.has_died

    def assignment(self) -> set[TopicPartition]:
        """The partitions that this process reads now."""
        return set() if self.consumer is None else set(self.consumer.assignment())


class Consumers:
    """One subscriber per reaction, built together, stopped together."""

    name = "consumers"

    def __init__(
        self,
        runtime: Runtime,
        reactions: Sequence[Reaction],
        metrics: ConsumeMetrics,
        retries: Retries,
    ) -> None:
        self._runtime = runtime
        self._metrics = metrics
        self._retries = retries
        self._prometheus = KafkaPrometheusMiddleware(registry=runtime.registry)
        self._rebuild = asyncio.Event()
        self._stop = asyncio.Event()
        self.readings = [Reading(reaction) for reaction in reactions]
        for reading in self.readings:
            metrics.forks.labels(reading.topic.name)

    def rebuild(self) -> None:
        """Give up the present consumers and build new ones."""
        self._rebuild.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`, then let running batches commit and leave the groups."""
        self._stop = stop
        failed = 0
        while not stop.is_set():
            self._rebuild.clear()
            broker = self._build()
            try:
                async with asyncio.timeout(_START_SECONDS):
                    await unless(stop, broker.start())
                failed = 0
                await self._read(stop)
            except Stopped:
                pass
            except Exception as error:  # noqa: BLE001 - the consumer outlives what it depends on
                failed += 1
                log.warning("Kafka cannot be read", error=failures.summary(error))
            await self._take_down(broker)
            if failed:
                await pause(_pause_after(failed), stop)

    async def _read(self, stop: asyncio.Event) -> None:
        """Until `stop`, until a rebuild is asked for, or until a consumer has died."""
        while not stop.is_set() and not self._rebuild.is_set():
            await pause(_LOOK_SECONDS, stop, self._rebuild)
            died = [reading.topic.name for reading in self.readings if reading.has_died]
            if died:
                log.warning("a consumer has died; all are rebuilt", topics=died)
                self._metrics.rebuilds.inc()
                return

    def _build(self) -> KafkaBroker:
        settings = self._runtime.settings
        broker = build_broker(
            settings,
            graceful_timeout=settings.stop_timeout * 0.6,
            middlewares=(self._prometheus,),
        )
        for reading in self.readings:
            reading.in_flight = False
            reading.subscriber = subscribe(
                broker,
                settings,
                self._runtime.service.name,
                reading.topic,
                self._reader(reading),
            )
        return broker

    def _reader(self, reading: Reading) -> OnRecords:
        async def on_records(records: Records) -> None:
            reading.in_flight = True
            settled_before = reading.settled
            try:
                # In a context of its own. FastStream's holds the records, and a timer of
                # asyncpg keeps for minutes the context that it was started in.
                await asyncio.create_task(self._on_records(reading, records), context=Context())
            except BaseException:
                # Whatever of it was committed is read again, and is no progress then.
                reading.settled = settled_before
                raise
            finally:
                reading.in_flight = False

        return on_records

    async def _take_down(self, broker: KafkaBroker) -> None:
        subscribers = [reading.subscriber for reading in self.readings]
        await stop_subscribers(subscribers, seconds=self._runtime.settings.stop_timeout * 0.75)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await broker.stop()

    async def _on_records(self, reading: Reading, records: Records) -> None:
        async with aclosing(in_batches(reading.topic, records)) as batches:
            async for batch in batches:
                await self._on_batch(reading, batch)
        # Not batch by batch: those before the failing one are good every time.
        reading.failed = 0
        for record in {record.partition: record for record in records}.values():
            reading.reached[record.partition] = record.offset + 1
            reading.written_at[record.partition] = record.timestamp / 1000

    async def _on_batch(self, reading: Reading, batch: Sequence[Arrived]) -> None:
        began = time.perf_counter()
        settled_before = reading.settled
        try:
            await reach(Failpoint.CONSUMER_READ)
            settled = await apply_batch(
                self._runtime.pool,
                reading.reaction,
                batch,
                on_record=lambda: _count_up(reading),
                stubborn=reading.failed >= _STUBBORN_AFTER and await self._postgres_answers(),
            )
            await reach(Failpoint.CONSUMER_COMMITTED)
        except Exception as error:  # noqa: BLE001 - every failure here is waited out and read again
            reading.settled = settled_before
            await self._wait_out(reading, error)
            raise NackMessage from None
        reading.settled = settled_before + len(batch)
        self._report(reading.topic, settled, time.perf_counter() - began)
        if settled.woken:
            self._retries.wake()

    async def _postgres_answers(self) -> bool:
        # Not through the pool: its connections may be what fails.
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                conn = await database.connect(self._runtime.settings)
                try:
                    await conn.execute("select 1")
                finally:
                    conn.terminate()
        except POSTGRES_AWAY:
            return False
        return True

    async def _wait_out(self, reading: Reading, error: Exception) -> None:
        reading.failed += 1
        seconds = _pause_after(reading.failed)
        self._metrics.failures.labels(reading.topic.name, "infrastructure").inc()
        log.warning(
            "a batch was rolled back and will be read again",
            topic=reading.topic.name,
            error=failures.summary(error),
            failures_in_a_row=reading.failed,
            seconds=round(seconds, 1),
        )
        await pause(seconds, self._stop)

    def _report(self, topic: Topic, settled: Settled, seconds: float) -> None:
        name, metrics = topic.name, self._metrics
        metrics.handling.labels(name).observe(seconds)
        for outcome, number in (
            ("applied", len(settled.applied)),
            ("duplicate", settled.duplicates),
            ("parked", len(settled.parked)),
            ("ignored", len(settled.ignored)),
        ):
            if number:
                metrics.records.labels(name, outcome).inc(number)
        if settled.erased:
            metrics.healed.labels(name).inc(settled.erased)
        now = datetime.now(UTC)
        observe = metrics.end_to_end.labels(name).observe
        for one in settled.applied:
            if one.event is not None:
                observe(max((now - one.event.time).total_seconds(), 0.0))
        if settled.failure is not None:
            # A batch that went through record by record without a failure met something
            # that passed: a connection that was lost, say.
            guilty = any(parking.reason is Reason.FAILED for parking in settled.parked)
            metrics.failures.labels(name, "record" if guilty else "infrastructure").inc()
        for parking in settled.parked:
            if parking.reason is Reason.FORK:
                metrics.forks.labels(name).inc()
            log.warning(
                "a record was parked",
                topic=name,
                partition=parking.arrived.partition,
                offset=parking.arrived.offset,
                event_type=parking.arrived.event_type,
                event_id=str(parking.arrived.event_id),
                key=parking.arrived.key,
                sequence=parking.arrived.sequence,
                reason=parking.reason.value,
                error=failures.kind(parking.error),
            )


def _count_up(reading: Reading) -> None:
    reading.settled += 1


def _pause_after(failed: int) -> float:
    return failures.delay(failed, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
