"""The relay while Kafka hangs, dies and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from samband_kit.ids import new_id
from samband_kit.testing import Backing, eventually
from samband_local.kafka import Kafka, KafkaPlan
from samband_local.ports import free_ports

from tests.kit.outboxes import Writer, arrived, in_order_at_least_once, relay, say, writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A Kafka that these tests may hurt."""
    folder = tmp_path_factory.mktemp("kafka")
    port, controller_port = free_ports(2)
    broker = Kafka(KafkaPlan(folder, port, controller_port, folder / "kafka.log"))
    broker.start()
    yield broker
    broker.stop()


def freeze(kafka: Kafka, how: signal.Signals) -> None:
    assert kafka.process is not None
    os.kill(kafka.process.pid, how)


async def all_arrived(service: Writer, keys: list[UUID], last: int) -> None:
    await service.drained(40)
    found = await arrived(service.settings)
    assert set(found) == {str(key) for key in keys}
    assert all(in_order_at_least_once(sequences, last) for sequences in found.values())


async def test_a_kafka_that_hangs_costs_time_and_nothing_else(
    backing: Backing, kafka: Kafka
) -> None:
    keys = [new_id() for _ in range(8)]
    async with (
        writer(backing, kafka_servers=kafka.plan.servers) as service,
        relay(service, send_seconds=1.5) as running,
    ):
        await say(service.pool, keys)
        await service.drained()
        freeze(kafka, signal.SIGSTOP)
        try:
            await say(service.pool, keys, rounds=10)
            await eventually(lambda: running.value("producer_rebuilds_total") >= 1, 20)
            await say(service.pool, keys, rounds=10)
            assert await service.waiting() == 8 * 20
        finally:
            freeze(kafka, signal.SIGCONT)
        await all_arrived(service, keys, 21)


async def test_a_stop_while_kafka_hangs_ends_in_time_and_the_facts_stay(
    backing: Backing, kafka: Kafka
) -> None:
    keys = [new_id() for _ in range(8)]
    async with writer(backing, kafka_servers=kafka.plan.servers, stop_timeout=4) as service:
        async with relay(service) as running:
            await say(service.pool, keys)
            await service.drained()
            freeze(kafka, signal.SIGSTOP)
            try:
                await say(service.pool, keys, rounds=5)
                await asyncio.sleep(0.5)
                started = time.monotonic()
                await running.end()
                assert time.monotonic() - started < 4
                assert await service.waiting() == 40
            finally:
                freeze(kafka, signal.SIGCONT)
        async with relay(service):
            await all_arrived(service, keys, 6)


async def test_facts_wait_while_kafka_is_dead_and_arrive_when_it_is_back(
    backing: Backing, kafka: Kafka
) -> None:
    keys = [new_id() for _ in range(8)]
    async with (
        writer(backing, kafka_servers=kafka.plan.servers) as service,
        relay(service, send_seconds=3),
    ):
        saying = asyncio.create_task(say(service.pool, keys, rounds=200))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(kafka.kill)
        await saying
        assert await service.waiting() > 0
        await asyncio.to_thread(kafka.start)
        await all_arrived(service, keys, 200)
