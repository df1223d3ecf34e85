"""Clients of Kafka whose own tasks have died: aiokafka does not start them again.

With uvloop a write to a connection that was reset a moment ago raises an error
that aiokafka does not expect (aiokafka #1038), and the task that wrote is gone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from samband_contracts.topics import MEMBERSHIPS
from samband_kit.consumer.lag import LogEnds
from samband_kit.ids import new_id
from samband_kit.kafka import Producer
from samband_kit.testing import create_topics, eventually, service_settings
from samband_kit.topics import physical

from tests.kit.effects import Listener, effects, joined
from tests.kit.watched import watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.settings import Settings
    from samband_kit.testing import Backing


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with service_settings(backing, "samband_kit") as settings:
        yield settings


async def dies(task: asyncio.Task[Any] | None) -> None:
    """The task ends with an error, as if what it called had raised one."""
    assert task is not None
    coroutine = task.get_coro()
    assert coroutine is not None
    # Who catches everything says so with an error of its own.
    with pytest.raises((RuntimeError, KafkaError)):
        coroutine.throw(RuntimeError("the handler is closed"))
    task.cancel()
    await asyncio.wait({task})
    assert isinstance(task.exception(), RuntimeError)


@pytest.mark.parametrize(
    "task",
    [
        lambda consumer: consumer._coordinator._coordination_task,
        lambda consumer: consumer._fetcher._fetch_task,
        lambda consumer: consumer._client._sync_task,
    ],
    ids=["coordination", "fetching", "metadata"],
)
async def test_a_consumer_that_has_died_is_replaced_at_once(backing: Backing, task: Any) -> None:
    async with watched(backing, Listener(), patience=600) as here:
        await here.facts.publish(joined(new_id()))
        await here.facts.applied(here.pool)
        await dies(task(here.consumers.readings[0].consumer))
        await eventually(
            lambda: here.registry.get_sample_value("samband_consumer_rebuilds_total") == 1
        )
        await here.facts.publish(joined(new_id()))
        await here.facts.applied(here.pool)
        assert await effects(here.pool) == [1, 1]


async def test_a_producer_whose_task_has_died_can_be_closed(config: Settings) -> None:
    producer = await Producer.start(config.kafka)
    client = producer._producer.client
    await dies(client._sync_task)
    await producer.close(seconds=0)
    assert not [conn for conn in client._conns.values() if conn.connected()]


async def test_lag_is_asked_anew_after_its_own_client_has_died(config: Settings) -> None:
    await create_topics(config, [MEMBERSHIPS])
    place = TopicPartition(physical(config.kafka_prefix, MEMBERSHIPS), 0)
    ends = LogEnds(config.kafka)
    await ends.ends({place})
    assert ends._consumer is not None
    await dies(ends._consumer._client._sync_task)
    await ends.close()
    assert await ends.ends({place}) == {place: 0}
    await ends.close()
