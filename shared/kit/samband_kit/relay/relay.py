"""The relay's loop: lead, fetch, send, mark; and what it does when one of them fails."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

from samband_kit import outbox
from samband_kit.failpoints import Failpoint, reach
from samband_kit.kafka import KafkaError, KafkaUnreachable, Producer, is_of_the_producer, is_refusal
from samband_kit.leadership import Leadership, lead
from samband_kit.logs import get_logger
from samband_kit.outages import POSTGRES_AWAY
from samband_kit.pauses import pause
from samband_kit.relay import store
from samband_kit.relay.floor import Floor
from samband_kit.relay.isolation import LeftOut, send_singly
from samband_kit.relay.metrics import RelayMetrics
from samband_kit.relay.sending import Failure, Patience, Sending, guard, send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import CollectorRegistry

    from samband_kit.database import Pool
    from samband_kit.relay.store import Row
    from samband_kit.settings import Settings

BATCH_ROWS = 2000
BATCH_BYTES = 8 * 1024 * 1024
SHORTEST_POLL = 0.02
LONGEST_POLL = 0.25
SEND_SECONDS = 30.0
_BUSY_RISE = 0.25
_IDLE_RISE = 5.0
_LONGEST_BACKOFF = 5.0
_MEASURE_SECONDS = 5.0

_log = get_logger("samband.relay")


class _BatchFailed(Exception):
    """Kafka did not take some rows; the producer is not to be trusted any more."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__("; ".join(sorted({repr(failure.error) for failure in failures})))
        self.failures = failures


class Relay:
    """The component that publishes a service's outbox."""

    name = "relay"

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        registry: CollectorRegistry,
        *,
        send_seconds: float = SEND_SECONDS,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._send_seconds = send_seconds
        self._batch_rows = batch_rows
        self._metrics = RelayMetrics(registry)
        self._woken = asyncio.Event()
        self._left_out = LeftOut()
        self._failures_in_a_row = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`; survives an unreachable Kafka and Postgres.

        On `stop` the batch on its way is finished and marked, so a planned
        stop sends nothing twice.
        """
        measuring = asyncio.create_task(self._measure(stop))
        try:
            while not stop.is_set():
                try:
                    async with lead(self._settings, "relay", stop) as leadership:
                        if leadership is not None:
                            await self._lead(leadership, stop)
                except Exception as error:  # noqa: BLE001 - whatever it was, the facts must get there
                    _log.warning("relay begins again", error=repr(error))
                    await self._back_off(stop)
        finally:
            measuring.cancel()
            await asyncio.wait({measuring})

    async def _lead(self, leadership: Leadership, stop: asyncio.Event) -> None:
        _log.info("relay at work")
        self._metrics.active.set(1)
        patience = Patience(stop, self._send_seconds, self._settings.stop_timeout / 4)
        failures: Sequence[Failure] = ()
        try:
            await store.prepare(leadership.conn)
            await leadership.conn.add_listener(
                outbox.channel(leadership.schema), lambda *_: self._woken.set()
            )
            while not stop.is_set():
                try:
                    await self._isolate(leadership, failures, patience)
                    failures = ()
                    async with Producer.running(self._settings.kafka) as producer:
                        await self._publish(leadership, producer, patience)
                except (KafkaError, KafkaUnreachable, TimeoutError, _BatchFailed) as error:
                    _log.warning("producer dropped", error=repr(error))
                    self._metrics.rebuilds.inc()
                    failures = error.failures if isinstance(error, _BatchFailed) else ()
                    await self._back_off(stop)
                    await leadership.check()
        finally:
            self._metrics.active.set(0)

    async def _publish(
        self, leadership: Leadership, producer: Producer, patience: Patience
    ) -> None:
        poll = SHORTEST_POLL
        floor = Floor()
        rows = await self._fetch(leadership, floor)
        done: list[int] = []
        while not patience.stop.is_set():
            await floor.rise(leadership.conn, every=_BUSY_RISE if rows else _IDLE_RISE)
            if not rows:
                await pause(poll, patience.stop, self._woken)
                self._woken.clear()
                poll = min(poll * 1.5, LONGEST_POLL)
                rows = await self._fetch(leadership, floor)
                continue
            poll = SHORTEST_POLL
            await reach(Failpoint.RELAY_FETCHED)
            sending = Sending()
            task = asyncio.create_task(send(producer, self._settings.kafka_prefix, rows, sending))
            try:
                # While these rows are sent, the last ones are marked and the next ones fetched.
                await store.mark(leadership.conn, done)
                done = []
                following = await self._fetch(leadership, floor, rows)
                await guard(leadership, task, patience)
            except TimeoutError as error:
                await store.mark(leadership.conn, sending.acknowledged)
                self._leave_out_stuck(rows, sending, error)
                raise
            finally:
                task.cancel()
                await asyncio.wait({task})
            if sending.failures:
                await store.mark(leadership.conn, sending.acknowledged)
                self._leave_out_unknown(rows, sending)
                rows = await self._fetch(leadership, floor)
                continue
            self._count(rows)
            done, rows = sending.acknowledged, following
            if not rows:
                await store.mark(leadership.conn, done)
                done = []
        await store.mark(leadership.conn, done)

    def _leave_out_unknown(self, rows: Sequence[Row], sending: Sending) -> None:
        # Who was only asked has lost nothing, and goes on with the topics that there are.
        if not all(failure.is_of_topic for failure in sending.failures):
            raise _BatchFailed(sending.failures)
        for failure in sending.failures:
            self._left_out.add(failure.topic, failure.error)
        acknowledged = set(sending.acknowledged)
        self._count([row for row in rows if row[0] in acknowledged])

    def _leave_out_stuck(self, rows: Sequence[Row], sending: Sending, error: Exception) -> None:
        # One partition without a leader must not hold up the topics behind it. The whole topic
        # is left out, because the rows do not say their partition to a query.
        acknowledged = set(sending.acknowledged)
        for topic in {row[1] for row in rows if row[0] not in acknowledged}:
            self._left_out.add(topic, error)

    async def _isolate(
        self, leadership: Leadership, failures: Sequence[Failure], patience: Patience
    ) -> None:
        for failure in failures:
            if is_refusal(failure.error):
                await send_singly(
                    leadership,
                    self._settings,
                    failure.rows,
                    patience,
                    published=lambda row: self._count([row]),
                )
            elif not is_of_the_producer(failure.error):
                self._left_out.add(failure.topic, failure.error)

    async def _fetch(
        self, leadership: Leadership, floor: Floor, on_their_way: Sequence[Row] = ()
    ) -> list[Row]:
        return await store.waiting(
            leadership.conn,
            limit=self._batch_rows,
            largest=BATCH_BYTES,
            except_positions=[row[0] for row in on_their_way],
            except_topics=self._left_out.now(),
            floor=floor.position,
        )

    def _count(self, rows: Sequence[Row]) -> None:
        self._failures_in_a_row = 0
        for topic, number in Counter(row[1] for row in rows).items():
            self._metrics.published.labels(topic).inc(number)
            self._left_out.works(topic)

    async def _back_off(self, stop: asyncio.Event) -> None:
        self._failures_in_a_row += 1
        longest = min(0.1 * 2**self._failures_in_a_row, _LONGEST_BACKOFF)
        await pause(random.uniform(longest / 2, longest), stop)  # noqa: S311 - jitter, no secret

    async def _measure(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            started = time.monotonic()
            try:
                found = await store.measure(self._pool)
            except POSTGRES_AWAY as error:
                _log.warning("outbox not measured", error=repr(error))
            else:
                self._metrics.backlog.set(found.backlog)
                self._metrics.oldest_age.set(found.oldest_age)
                self._metrics.blocked.set(found.blocked)
                self._metrics.measured_at.set_to_current_time()
            # Counting a large backlog takes time: a twentieth of it at most.
            took = time.monotonic() - started
            await pause(max(_MEASURE_SECONDS, 20 * took), stop)
