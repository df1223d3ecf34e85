"""Watchdog: a consumer that stands still although everything it needs answers.

It measures lag with a client of its own. When records wait and none is
settled for `patience` seconds, counting only time in which Kafka and Postgres
answer, it has the consumers rebuilt; when that does not help it raises, and
the process ends with 70 for its supervisor to start again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from aiokafka.errors import KafkaError

from samband_kit import database, topics
from samband_kit.consumer.lag import LogEnds
from samband_kit.logs import get_logger
from samband_kit.outages import POSTGRES_AWAY
from samband_kit.pauses import pause

if TYPE_CHECKING:
    from aiokafka import TopicPartition

    from samband_kit.consumer.consumers import Consumers, Reading
    from samband_kit.metrics import ConsumeMetrics
    from samband_kit.service import Runtime

log = get_logger(__name__)

_INTERVAL = 2.0
_PATIENCE = 60.0
_ONE_PARTITION = 10
"""A single partition may stand still this many times longer, while others of its topic go on."""
_ANSWER_SECONDS = 5.0
_POSITION_SECONDS = 0.5

Offsets: TypeAlias = Mapping[int, int]
"""By partition."""


class StandsStill(Exception):
    """Records wait, Kafka and Postgres answer, and nothing is applied even after a rebuild."""


@dataclass(slots=True)
class Stillness:
    """For how long one topic has not moved although records wait. Pure: no clock, no I/O."""

    patience: float
    settled: int = -1
    offsets: dict[int, int] = field(default_factory=dict)
    topic_still: float = 0.0
    still: dict[int, float] = field(default_factory=dict)

    def observe(self, settled: int, offsets: Offsets, ends: Offsets, seconds: float) -> bool:
        """Take in that `seconds` have passed; True when it has stood still for too long.

        `settled` rises with every record and falls back when a batch is rolled
        back, so only a new highest value is progress; `offsets` are the
        partitions' next ones to apply.
        """
        waiting = {number for number, end in ends.items() if offsets.get(number, 0) < end}
        moved = {n for n in waiting if offsets.get(n) != self.offsets.get(n)}
        progress = bool(moved) or settled > self.settled or not waiting
        self.settled, self.offsets = max(settled, self.settled), dict(offsets)
        self.topic_still = 0.0 if progress else self.topic_still + seconds
        self.still = {n: self.still.get(n, 0.0) + seconds for n in waiting - moved}
        return self.topic_still >= self.patience or any(
            still >= self.patience * _ONE_PARTITION for still in self.still.values()
        )


class Watchdog:
    """The component that measures lag and acts when nothing moves."""

    name = "watchdog"

    def __init__(
        self,
        runtime: Runtime,
        consumers: Consumers,
        metrics: ConsumeMetrics,
        *,
        interval: float = _INTERVAL,
        patience: float = _PATIENCE,
    ) -> None:
        self._runtime = runtime
        self._consumers = consumers
        self._metrics = metrics
        self._interval = interval
        self._patience = patience
        self._kafka = LogEnds(runtime.settings.kafka)
        self._postgres: asyncpg.Connection[asyncpg.Record] | None = None
        self._ages: dict[str, dict[int, float]] = {}
        self._stillness: dict[str, Stillness] = {}
        self._rebuilt_at: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop`.

        Raises:
            StandsStill: a rebuilt consumer does not move either.
        """
        looked = time.monotonic()
        try:
            while not stop.is_set():
                await pause(self._interval, stop)
                now = time.monotonic()
                # A blocked event loop is no proof that the consumer had its chance.
                seconds, looked = min(now - looked, 2 * self._interval), now
                if not stop.is_set():
                    await self._look(seconds)
        finally:
            await self._kafka.close()
            self._forget_postgres()

    async def _look(self, seconds: float) -> None:
        if not await self._postgres_answers():
            return
        for reading in self._consumers.readings:
            try:
                offsets, ends = await self._measure(reading, seconds)
            except (KafkaError, OSError):
                await self._kafka.close()
                return
            name = reading.topic.name
            stillness = self._stillness.setdefault(name, Stillness(self._patience))
            if stillness.observe(reading.settled, offsets, ends, seconds):
                self._act(reading)
                return

    async def _measure(self, reading: Reading, seconds: float) -> tuple[Offsets, Offsets]:
        """What is applied and where the log ends, by partition, for those that concern us."""
        mine = reading.assignment()
        if mine:
            ends = _by_partition(await self._kafka.ends(mine))
            offsets = {place.partition: await self._offset(reading, place) for place in mine}
            self._show(reading, offsets, ends, seconds)
            return offsets, ends
        # More processes than partitions, or a group that nobody gets into:
        # it stands still if nobody in the whole group moves.
        self._show(reading, {}, {}, seconds)
        settings = self._runtime.settings
        committed = await self._kafka.committed(
            topics.group(settings.kafka_prefix, self._runtime.service.name, reading.topic),
            topics.physical(settings.kafka_prefix, reading.topic),
        )
        ends = _by_partition(await self._kafka.ends(set(committed)))
        return _by_partition(committed), ends

    async def _offset(self, reading: Reading, place: TopicPartition) -> int:
        """The next offset to apply: where the consumer reads on, unless a batch is at work."""
        consumer, number = reading.consumer, place.partition
        reached = reading.reached.get(number, 0)
        if consumer is not None and not reading.in_flight:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(_POSITION_SECONDS):
                    position = await consumer.position(place)
                # Records that are none (of transactions, say) move the position alone.
                if not reading.in_flight:
                    reached = position
                    reading.reached[number] = position
        return reached

    def _show(
        self,
        reading: Reading,
        offsets: Offsets,
        ends: Offsets,
        seconds: float,
    ) -> None:
        name = reading.topic.name
        before = self._ages.get(name, {})
        stillness = self._stillness.get(name)
        has_moved = stillness is None or reading.settled > stillness.settled
        records = 0
        ages = {}
        now = time.time()
        for number, end in ends.items():
            behind = max(end - offsets[number], 0)
            records += behind
            if behind == 0:
                ages[number] = 0.0
            elif has_moved and number in reading.written_at:
                # Records are applied in order: the next is hardly older than the last.
                ages[number] = max(now - reading.written_at[number], 0.0)
            else:
                ages[number] = before.get(number, 0.0) + seconds
        self._ages[name] = ages
        self._metrics.lag_records.labels(name).set(records)
        self._metrics.lag_seconds.labels(name).set(max(ages.values(), default=0.0))

    async def _postgres_answers(self) -> bool:
        # Not through the pool: a hanging handler may hold its last connection.
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if self._postgres is None:
                    self._postgres = await database.connect(self._runtime.settings)
                await self._postgres.execute("select 1")
        except POSTGRES_AWAY:
            self._forget_postgres()
            return False
        return True

    def _forget_postgres(self) -> None:
        conn, self._postgres = self._postgres, None
        if conn is not None:
            conn.terminate()

    def _act(self, reading: Reading) -> None:
        name = reading.topic.name
        settled = self._stillness[name].settled
        if self._rebuilt_at.get(name) == settled:
            raise StandsStill(f"{name} stands still after its consumer was rebuilt")
        log.error("the consumer stands still and is rebuilt", topic=name)
        self._rebuilt_at[name] = settled
        self._metrics.rebuilds.inc()
        # All topics get new consumers, and all of them their full time.
        for stillness in self._stillness.values():
            stillness.topic_still, stillness.still = 0.0, {}
        self._consumers.rebuild()


def _by_partition(offsets: Mapping[TopicPartition, int]) -> Offsets:
    return {place.partition: offset for place, offset in offsets.items()}
