"""Services at work under their own names, and what happens when a rule is missing for a while."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from samband_contracts import structured
from samband_contracts.documents import package_file
from samband_contracts.topics import ALL, CONTACT_STATE, MEMBERSHIPS, NETWORKS
from samband_kit import outbox
from samband_kit.access_rules import ensure_access
from samband_kit.database import open_pool, transaction
from samband_kit.ids import new_id
from samband_kit.kafka.rules import Authorizer, Operation, Resource, Rule
from samband_kit.service import Kind
from samband_kit.testing import (
    Backing,
    Facts,
    at_work,
    create_topics,
    eventually,
    service_settings,
)
from samband_kit.topics import physical
from samband_networks.main import SERVICE as NETWORKS_SERVICE
from samband_notifications.main import SERVICE as NOTIFICATIONS_SERVICE
from samband_registration.main import SERVICE as REGISTRATION_SERVICE

from tests.faults.cases import Area, Invariant, case
from tests.kit.consuming import listening, make_table
from tests.kit.effects import Listener, described, effects, joined
from tests.kit.guarded import ADMIN, guarded, named
from tests.kit.outboxes import Writer, arrived, in_order_at_least_once, relay, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from uuid import UUID

    from samband_contracts.event import Event
    from samband_contracts.topics import Topic
    from samband_kit.service import Service
    from samband_kit.settings import Settings
    from samband_kit.testing import RunningService
    from samband_local.kafka import Kafka

    from tests.faults.recording import Recovering

SERVICES = (REGISTRATION_SERVICE, NETWORKS_SERVICE, NOTIFICATIONS_SERVICE)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    names = ("registration", "networks", "notifications", "operator", "listener")
    with guarded(tmp_path_factory.mktemp("guarded"), *names) as broker:
        yield broker


@asynccontextmanager
async def installed(
    backing: Backing, kafka: Kafka, service: Service, topics: Sequence[Topic] = ALL
) -> AsyncIterator[Settings]:
    """The administrator's settings of an installation with rules and topics."""
    async with service_settings(
        backing, service.package, service.settings, **named(kafka, ADMIN)
    ) as admin:
        await ensure_access(admin, topics)
        await create_topics(admin.model_copy(update=named(kafka, "operator")), topics)
        yield admin


@asynccontextmanager
async def without(admin: Settings, *rules: Rule) -> AsyncIterator[None]:
    """For the block, take away rules that there are."""
    async with Authorizer(admin.kafka) as kafka:
        assert set(rules) <= await kafka.rules()
        await kafka.withdraw(rules)
        try:
            yield
        finally:
            await kafka.allow(rules)


def sample(topic: Topic) -> Event:
    kind = next(event for event in topic.events if not event.TOMBSTONE)
    text = package_file(f"samples/{kind.TYPE}.json").read_text(encoding="utf-8")
    event: Event = structured.from_json(text).data
    return event


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_a_service_says_and_hears_all_that_it_declares_under_its_own_name(
    backing: Backing, kafka: Kafka, service: Service
) -> None:
    owned = [topic for topic in ALL if topic.owner == service.name]
    heard = [topic for topic in ALL if service.name in topic.readers]
    async with installed(backing, kafka, service) as admin:
        mine = admin.model_copy(update=named(kafka, service.name))
        async with at_work(service, mine, Kind.CONSUME) as running:
            await Facts(admin).publish(*map(sample, heard))
            async with transaction(running.pool) as conn:
                await outbox.append(conn, [sample(topic) for topic in owned])
            await eventually(lambda: have_been_read(running, heard), 60)
            await eventually(lambda: have_been_published(running, owned), 60)


def have_been_read(running: RunningService, topics: Sequence[Topic]) -> bool:
    """Whatever became of it, a record of each topic has come to an end."""
    outcomes = ("applied", "parked", "ignored", "duplicate")
    return all(
        any(
            running.metric("samband_records_total", topic=topic.name, outcome=outcome)
            for outcome in outcomes
        )
        for topic in topics
    )


def have_been_published(running: RunningService, topics: Sequence[Topic]) -> bool:
    return all(
        running.metric("samband_outbox_published_total", topic=topic.name) for topic in topics
    )


@case(
    Area.RELAY,
    "a topic may not be written for a while",
    how="its access rules are withdrawn and given back",
    holds=(
        Invariant.I1,
        Invariant.I3,
        Invariant.I8,
        Invariant.I9,
    ),
)
@pytest.mark.parametrize("lost", [(Operation.WRITE,), (Operation.WRITE, Operation.READ)])
async def test_a_topic_that_may_not_be_written_waits_while_the_others_go_on(
    backing: Backing, kafka: Kafka, recovering: Recovering, lost: tuple[Operation, ...]
) -> None:
    keys = [new_id() for _ in range(4)]
    async with installed(backing, kafka, NETWORKS_SERVICE) as admin:
        mine = admin.model_copy(update=named(kafka, "networks"))
        pool = await open_pool(mine)
        writer = Writer(mine, pool)
        async with relay(writer) as running:
            await say(pool, keys)
            await writer.drained()
            name = physical(mine.kafka_prefix, NETWORKS)
            rules = [Rule("networks", Resource.TOPIC, name, operation) for operation in lost]
            async with without(admin, *rules):
                await say(pool, keys, rounds=5)
                async with transaction(pool) as conn:
                    await outbox.append(conn, [joined(key) for key in keys])
                await eventually(lambda: has_all(admin, MEMBERSHIPS, keys), 30)
                assert await writer.waiting() == 20
                await eventually(lambda: running.value("oldest_age_seconds") > 0, 30)
                assert running.value("blocked_keys") == 0
            with recovering():
                await writer.drained(90)
            found = await arrived(admin)
            assert all(in_order_at_least_once(found[str(key)], 6) for key in keys)
        await pool.close()


async def has_all(settings: Settings, topic: Topic, keys: Sequence[UUID]) -> bool:
    return (await arrived(settings, topic)).keys() == {str(key) for key in keys}


LISTENED = [replace(topic, readers=("listener",)) for topic in (MEMBERSHIPS, CONTACT_STATE)]


@case(
    Area.CONSUMER,
    "a topic may not be read for a while",
    how="its access rule is withdrawn and given back",
    holds=(
        Invariant.I1,
        Invariant.I4,
        Invariant.I8,
    ),
)
async def test_a_reader_that_may_not_for_a_while_goes_on_when_it_may(
    backing: Backing, kafka: Kafka, recovering: Recovering
) -> None:
    keys = [new_id() for _ in range(3)]
    service = listening(Listener())
    async with installed(backing, kafka, service, LISTENED) as admin:
        await make_table(admin)
        facts = Facts(admin)
        mine = admin.model_copy(update=named(kafka, "listener"))
        async with at_work(service, mine) as running:
            await facts.publish(joined(keys[0]))
            await facts.applied(running.pool, 40)
            name = physical(admin.kafka_prefix, MEMBERSHIPS)
            async with without(admin, Rule("listener", Resource.TOPIC, name, Operation.READ)):
                # What was asked for while it was allowed is still answered.
                await asyncio.sleep(3)
                await facts.publish(joined(keys[1]))
                await asyncio.sleep(3)
                assert await effects(running.pool, keys[1]) == []
            await facts.publish(joined(keys[2]), described(new_id()))
            with recovering():
                await facts.applied(running.pool, 120)
            assert [await effects(running.pool, key) for key in keys] == [[1], [1], [1]]
