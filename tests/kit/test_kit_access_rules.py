"""Access rules: what the table of topics allows works, and everything else is tried and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from samband_contracts.topics import ALL, CALLS, CONTACT_STATE, NETWORKS, Visibility
from samband_kit.access_rules import ensure_access
from samband_kit.kafka import Administration, NotAllowed, Producer, read
from samband_kit.settings import KafkaSettings
from samband_kit.topics import ensure_topics, physical

from tests.faults.cases import Area, Invariant, case
from tests.kit.guarded import ADMIN, access, guarded, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from samband_contracts.topics import Topic
    from samband_kit.kafka import Access
    from samband_local.kafka import Kafka

PREFIX = "county."
SERVICES = ("registration", "networks", "notifications")
PRINCIPALS = (*SERVICES, "subscriber", "operator", "stranger")
GROUPS = {name: f"{PREFIX}samband.{name}.public.calls" for name in SERVICES} | {
    "subscriber": f"{PREFIX}subscriber.calls"
}

by_principal = pytest.mark.parametrize("principal", PRINCIPALS)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with guarded(tmp_path_factory.mktemp("guarded"), *PRINCIPALS) as broker:
        yield broker


@pytest.fixture(scope="module")
async def kafka(bare: Kafka) -> Kafka:
    """With the rules, with every topic, and one record on each; the topics are the operator's work."""
    await ensure_access(settings(bare))
    await ensure_topics(settings(bare, "operator"))
    for topic in ALL:
        assert await may_write(access(bare, ADMIN), physical(PREFIX, topic))
    return bare


def settings(kafka: Kafka, name: str = ADMIN) -> KafkaSettings:
    return KafkaSettings(kafka_prefix=PREFIX, **named(kafka, name))


async def may_write(given: Access, topic: str) -> bool:
    try:
        async with Producer.running(given) as producer:
            partition = await producer.partitions(topic) - 1
            batch = producer.batch()
            batch.append(b"key", b"{}", [])
            await producer.send(batch, topic, partition)
    except NotAllowed:
        return False
    return True


async def may_read(given: Access, topic: str) -> bool:
    try:
        return [record async for record in read(given, topic)] != []
    except NotAllowed:
        return False


async def may_commit(given: Access, group: str, topic: str) -> bool:
    consumer = AIOKafkaConsumer(**given.options(), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        await consumer.commit({place: 0})
    except NotAllowed:
        return False
    finally:
        await consumer.stop()
    return True


async def may_administer(given: Access, *, new: str, old: str) -> set[str]:
    allowed = set()
    async with Administration(given) as kafka:
        for what, attempt in (
            ("create", lambda: kafka.create(new, partitions=1, replicas=1, configs={})),
            ("extend", lambda: kafka.extend(old, 2)),
            ("delete", lambda: kafka.delete([old])),
        ):
            try:
                await attempt()
            except NotAllowed:
                continue
            allowed.add(what)
    return allowed


def reads(principal: str, topic: Topic) -> bool:
    """What the contracts say, in the words of the architecture."""
    if principal == "subscriber":
        return topic.visibility is Visibility.PUBLIC
    return principal in (topic.owner, *topic.readers)


@case(
    Area.INFRASTRUCTURE,
    "every user of Kafka tries to write every topic",
    how="an authorizing broker with the generated rules",
    holds=(Invariant.I14,),
)
@by_principal
async def test_each_topic_is_written_by_its_owner_and_nobody_else(
    kafka: Kafka, principal: str
) -> None:
    given = access(kafka, principal)
    found = {topic.name for topic in ALL if await may_write(given, physical(PREFIX, topic))}
    assert found == {topic.name for topic in ALL if topic.owner == principal}


@case(
    Area.INFRASTRUCTURE,
    "every user of Kafka tries to read every topic",
    how="an authorizing broker with the generated rules",
    holds=(
        Invariant.I11,
        Invariant.I14,
    ),
)
@by_principal
async def test_each_topic_is_read_by_whom_the_contracts_name_and_nobody_else(
    kafka: Kafka, principal: str
) -> None:
    given = access(kafka, principal)
    found = {topic.name for topic in ALL if await may_read(given, physical(PREFIX, topic))}
    assert found == {topic.name for topic in ALL if reads(principal, topic)}


async def test_contact_state_is_closed_to_networks_and_to_subscribers(kafka: Kafka) -> None:
    name = physical(PREFIX, CONTACT_STATE)
    assert await may_read(access(kafka, "notifications"), name)
    for principal in ("networks", "subscriber", "operator", "stranger"):
        assert not await may_read(access(kafka, principal), name)


@case(
    Area.INFRASTRUCTURE,
    "every user of Kafka tries the groups of all others",
    how="an authorizing broker with the generated rules",
    holds=(Invariant.I14,),
)
@by_principal
async def test_everybody_commits_in_groups_of_their_own_alone(kafka: Kafka, principal: str) -> None:
    # The topic is not what is refused: somebody reads each of these.
    topic = {"registration": CALLS, "networks": CALLS, "notifications": CONTACT_STATE}
    name = physical(PREFIX, topic.get(principal, CALLS))
    given = access(kafka, principal)
    found = {owner for owner, group in GROUPS.items() if await may_commit(given, group, name)}
    assert found == {principal} & GROUPS.keys()


@case(
    Area.INFRASTRUCTURE,
    "every user of Kafka tries to make, extend and delete topics",
    how="an authorizing broker with the generated rules",
    holds=(Invariant.I14,),
)
@by_principal
async def test_topics_are_made_by_the_operator_alone_and_ended_by_nobody(
    kafka: Kafka, principal: str
) -> None:
    new, old = (f"{PREFIX}samband.public.{word}-{principal}" for word in ("new", "old"))
    async with Administration(access(kafka, ADMIN)) as admin:
        await admin.create(old, partitions=1, replicas=1, configs={})
    allowed = await may_administer(access(kafka, principal), new=new, old=old)
    assert allowed == ({"create", "extend"} if principal == "operator" else set())


async def test_the_operator_makes_no_topic_of_another_name(kafka: Kafka) -> None:
    async with Administration(access(kafka, ADMIN)) as admin:
        await admin.create("others", partitions=1, replicas=1, configs={})
    for new in ("samband.public.calls", f"{PREFIX}others"):
        allowed = await may_administer(access(kafka, "operator"), new=new, old="others")
        assert allowed == set()


async def test_rules_with_a_prefix_open_nothing_of_another_installation(kafka: Kafka) -> None:
    other = KafkaSettings(**named(kafka, ADMIN))
    await ensure_topics(other, [CALLS, NETWORKS])
    for principal in PRINCIPALS:
        given = access(kafka, principal)
        assert not await may_write(given, NETWORKS.name)
        assert not await may_read(given, CALLS.name)
        assert not await may_commit(given, GROUPS["subscriber"].removeprefix(PREFIX), CALLS.name)
