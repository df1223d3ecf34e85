"""Consuming from a real Kafka: poison, outages, restarts, stops."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import asyncpg
import pytest
from aiokafka import ConsumerRecord
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS
from samband_kit.ids import new_id
from samband_kit.service import Kind
from samband_kit.settings import Settings
from samband_kit.testing import (
    Facts,
    admin_url,
    eventually,
    read_topic,
    running,
    service_settings,
)

from tests.kit.consuming import OUTCOMES, counted, listening, make_table
from tests.kit.effects import (
    Listener,
    described,
    effects,
    joined,
    left,
    parked_as,
    story,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from samband_kit.testing import Backing


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with service_settings(backing, "samband_kit") as settings:
        await make_table(settings)
        yield settings


async def lies_in_kafka(settings: Settings) -> int:
    return len(await read_topic(settings, MEMBERSHIPS)) + len(
        await read_topic(settings, CONTACT_STATE)
    )


async def test_a_key_that_always_fails_is_parked_while_others_go_on(config: Settings) -> None:
    bad = new_id()
    listener = Listener(broken={str(bad)})
    async with running(listening(listener), config, Kind.CONSUME) as service:
        facts = Facts(config)
        good = [new_id() for _ in range(10)]
        for make in (joined, left):
            await facts.publish(*(make(key) for key in [bad, *good]))

        async def others_done() -> bool:
            assert len(await effects(service.pool)) == 2 * len(good)
            assert [reason for _, reason in await parked_as(service.pool)] == ["failed", "behind"]
            return True

        await eventually(others_done)
        listener.broken = set()
        await service.pool.execute("update parked set next_attempt_at = now() where sequence = 1")
        await facts.applied(service.pool)
        assert await effects(service.pool, bad) == [1, 2]
        assert service.metric("samband_parked_healed_total", topic=MEMBERSHIPS.name) == 2


async def test_events_out_of_order_and_repeated_are_applied_once_in_order(
    config: Settings,
) -> None:
    key = new_id()
    facts = Facts(config)
    [one, two, three] = story(key, 3)
    async with running(listening(Listener()), config, Kind.CONSUME) as service:
        for event in (three, one, one, three, two, two, three, one):
            await facts.publish_as(event)

        async def all_applied() -> bool:
            assert await effects(service.pool, key) == [1, 2, 3]
            assert await parked_as(service.pool) == []
            return True

        await eventually(all_applied)
        await asyncio.sleep(0.2)
        assert await effects(service.pool, key) == [1, 2, 3]


async def test_a_lost_connection_costs_nothing_but_time(backing: Backing, config: Settings) -> None:
    listener = Listener(hold=asyncio.Event())
    facts = Facts(config)
    async with running(listening(listener), config, Kind.CONSUME) as service:
        await facts.publish(*(joined(new_id()) for _ in range(5)))
        admin = await asyncpg.connect(admin_url(backing, config))
        # The batch holds its positions' locks by now; its connection is killed in the middle.
        killed = await eventually(
            lambda: admin.fetchval(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()
                  and state = 'idle in transaction'
                limit 1
                """
            )
        )
        await admin.close()
        assert killed
        assert listener.hold is not None
        listener.hold.set()
        await facts.applied(service.pool)
        assert len(await effects(service.pool)) == 5
        assert await parked_as(service.pool) == []
        assert (
            service.metric(
                "samband_batch_failures_total", topic=MEMBERSHIPS.name, cause="infrastructure"
            )
            >= 1
        )
        assert counted(service)["applied"] == 5


async def test_a_planned_stop_finishes_its_batch_and_nothing_is_read_twice(
    config: Settings,
) -> None:
    facts = Facts(config)
    keys: list[UUID] = []
    seen = dict.fromkeys(OUTCOMES, 0)
    for _round in range(3):
        async with running(listening(Listener()), config, Kind.CONSUME) as service:
            new = [new_id() for _ in range(30)]
            keys += new
            publishing = asyncio.create_task(facts.publish(*(joined(key) for key in new)))
            await eventually(lambda: counted(service)["applied"] > 0)
        for outcome, number in counted(service).items():
            seen[outcome] += number
        await publishing
    async with running(listening(Listener()), config, Kind.CONSUME) as service:
        await facts.applied(service.pool)
        await eventually(lambda: seen["applied"] + counted(service)["applied"] == len(keys))
        assert seen["duplicate"] + counted(service)["duplicate"] == 0
        assert sorted(await effects(service.pool)) == [1] * len(keys)
        assert await lies_in_kafka(config) == len(keys)


async def test_a_group_that_starts_again_repeats_no_effect(config: Settings) -> None:
    facts = Facts(config)
    await_all = [described(new_id()) for _ in range(5)] + [described(new_id())]
    async with running(listening(Listener()), config, Kind.CONSUME) as service:
        await facts.publish(*await_all)
        await facts.applied(service.pool)
    async with running(listening(Listener(), name="listener-again"), config, Kind.CONSUME) as again:
        await eventually(lambda: counted(again)["duplicate"] == len(await_all))
        assert counted(again)["applied"] == 0
        assert len(await effects(again.pool)) == len(await_all)


async def test_what_alerts_watch_is_there_before_anything_happens(config: Settings) -> None:
    async with running(listening(Listener()), config, Kind.CONSUME) as service:
        shown = service.process.registry.get_sample_value
        assert shown("samband_forks_total", {"topic": MEMBERSHIPS.name}) == 0
        assert shown("samband_job_runs_total", {"name": "retention", "outcome": "failed"}) == 0


async def test_two_processes_share_the_work_without_repeating_any(config: Settings) -> None:
    facts = Facts(config)
    async with (
        running(listening(Listener()), config, Kind.CONSUME) as one,
        running(listening(Listener()), config, Kind.CONSUME) as two,
    ):
        await facts.publish(*(joined(new_id()) for _ in range(40)))
        await facts.applied(one.pool)
        await eventually(lambda: counted(one)["applied"] + counted(two)["applied"] == 40)
        assert sorted(await effects(one.pool)) == [1] * 40


async def test_what_has_been_applied_is_not_held_on_to(config: Settings) -> None:
    async with running(listening(Listener()), config, Kind.CONSUME) as service:
        facts = Facts(config)
        await facts.publish(*(joined(new_id()) for _ in range(40)))
        await facts.applied(service.pool)

        def held() -> int:
            gc.collect()
            records = (one for one in gc.get_objects() if type(one) is ConsumerRecord)
            return sum(one.topic.startswith(config.kafka_prefix) for one in records)

        await eventually(lambda: held() == 0, 20)


async def test_lag_and_the_time_to_the_effect_are_shown(config: Settings) -> None:
    listener = Listener(hold=asyncio.Event())
    facts = Facts(config)
    async with running(listening(listener), config, Kind.CONSUME) as service:
        await facts.publish(*(joined(new_id()) for _ in range(3)))
        await eventually(
            lambda: service.metric("samband_lag_records", topic=MEMBERSHIPS.name) == 3, 20
        )
        assert listener.hold is not None
        listener.hold.set()
        await facts.applied(service.pool)
        await eventually(
            lambda: service.metric("samband_lag_records", topic=MEMBERSHIPS.name) == 0, 20
        )
        assert service.metric("samband_end_to_end_seconds_count", topic=MEMBERSHIPS.name) == 3
        assert (
            service.metric(
                "faststream_received_messages_total",
                app_name="faststream",
                broker="kafka",
                handler=config.kafka_prefix + MEMBERSHIPS.name,
            )
            == 3
        )
