"""The topics job: creates, extends, and refuses what it cannot put right."""

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import pytest
from samband_contracts.topics import ACCOUNT_STATE, ALL, CALLS, CONTACT_STATE, NETWORKS, Topic
from samband_kit import topics
from samband_kit.kafka import Access, Administration, KafkaUnreachable
from samband_kit.testing import Backing, publish_raw, service_settings
from samband_kit.topics import TopicsRefused, ensure_topics, physical


async def test_all_topics_are_created_once_as_their_contracts_say(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        created = await ensure_topics(settings)
        assert len(created) == len(ALL)
        assert await ensure_topics(settings) == []
        async with Administration(settings.kafka) as kafka:
            found = await kafka.describe([physical(settings.kafka_prefix, topic) for topic in ALL])
        assert len(found) == len(ALL)
        calls = found[physical(settings.kafka_prefix, CALLS)]
        assert calls.partitions == 12
        assert calls.configs["cleanup.policy"] == "delete"
        assert calls.configs["retention.ms"] == "-1"
        contacts = found[physical(settings.kafka_prefix, CONTACT_STATE)]
        assert contacts.configs["cleanup.policy"] == "compact"
        assert contacts.configs["max.compaction.lag.ms"] == "3600000"
        assert contacts.configs["delete.retention.ms"] == str(30 * 24 * 3_600_000)
        accounts = found[physical(settings.kafka_prefix, ACCOUNT_STATE)]
        assert accounts.configs["delete.retention.ms"] == str(24 * 3_600_000)
        assert calls.replicas == 1
        assert calls.configs["min.insync.replicas"] == "1"


async def test_the_job_may_run_twice_at_once(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        await asyncio.gather(*(ensure_topics(settings, [CALLS, NETWORKS]) for _ in range(4)))
        assert await ensure_topics(settings, [CALLS, NETWORKS]) == []


@pytest.mark.parametrize("topic", [CALLS, CONTACT_STATE], ids=lambda topic: topic.cleanup)
async def test_a_topic_that_was_written_to_gets_no_more_partitions(
    backing: Backing, topic: Topic
) -> None:
    small = dataclasses.replace(topic, partitions=2)
    async with service_settings(backing, "samband_kit") as settings:
        await ensure_topics(settings, [small])
        await publish_raw(settings, topic, key=b"k", value=None)
        for rehearsal in (True, False):
            with pytest.raises(TopicsRefused, match="2 partitions instead of 12 and was written"):
                await ensure_topics(settings, [NETWORKS, topic], dry_run=rehearsal)
        async with Administration(settings.kafka) as kafka:
            names = [physical(settings.kafka_prefix, one) for one in (NETWORKS, topic)]
            [found] = (await kafka.describe(names)).values()
            assert found.partitions == 2


async def test_partitions_are_added_to_what_is_empty_and_never_taken_away(backing: Backing) -> None:
    small = dataclasses.replace(CALLS, partitions=2)
    larger = dataclasses.replace(CALLS, partitions=5)
    async with service_settings(backing, "samband_kit") as settings:
        await ensure_topics(settings, [small])
        [sentence] = await ensure_topics(settings, [larger])
        assert sentence.endswith("from 2 to 5 partitions.")
        with pytest.raises(TopicsRefused, match="has 5 partitions instead of 2"):
            await ensure_topics(settings, [small])


async def test_another_cleanup_policy_is_refused_and_then_nothing_is_done(
    backing: Backing,
) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        name = physical(settings.kafka_prefix, CALLS)
        async with Administration(settings.kafka) as kafka:
            await kafka.create(
                name, partitions=12, replicas=1, configs={"cleanup.policy": "compact"}
            )
            with pytest.raises(TopicsRefused) as refused:
                await ensure_topics(settings, [NETWORKS, CALLS])
            assert f"{name} has cleanup.policy=compact instead of delete" in str(refused.value)
            assert physical(settings.kafka_prefix, NETWORKS) not in await kafka.names()


async def test_a_rehearsal_says_what_would_be_done_and_does_nothing(backing: Backing) -> None:
    small = dataclasses.replace(CALLS, partitions=2)
    async with service_settings(backing, "samband_kit") as settings:
        await ensure_topics(settings, [small])
        created, extended = await ensure_topics(settings, [NETWORKS, CALLS], dry_run=True)
        assert created.startswith("Would create ")
        assert extended.startswith("Would extend ")
        async with Administration(settings.kafka) as kafka:
            names = [physical(settings.kafka_prefix, topic) for topic in (NETWORKS, CALLS)]
            [found] = (await kafka.describe(names)).values()
            assert found.partitions == 2


class Cluster(Administration):
    """Three brokers, of which the one that leads a partition is down."""

    made: ClassVar[dict[str, Mapping[str, str]]] = {}

    async def __aenter__(self) -> Self:
        self._client = self
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def brokers(self) -> int:
        return 3

    async def describe_topics(self) -> list[dict[str, object]]:
        partitions = [
            {"partition": number, "leader": leader, "replicas": [1]}
            for number, leader in enumerate((1, -1))
        ]
        made: list[dict[str, object]] = [
            {"topic": name, "partitions": [{"leader": 1, "replicas": [1, 2, 3]}] * 12}
            for name in self.made
        ]
        return [{"topic": CALLS.name, "partitions": partitions}, *made]

    async def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        return {name: {**topics.configs(CALLS), "min.insync.replicas": "1"} for name in names}

    async def create(
        self, name: str, *, partitions: int, replicas: int, configs: Mapping[str, str]
    ) -> bool:
        self.made[name] = configs
        return (partitions, replicas) == (12, 3)


async def test_a_partition_without_a_leader_is_there_but_cannot_be_written() -> None:
    async with Cluster(Access("")) as kafka:
        assert (await kafka.describe([CALLS.name]))[CALLS.name].partitions == 2
        assert await kafka.writable([CALLS.name]) == {CALLS.name: 1}


async def test_two_must_have_a_fact_where_there_are_three_and_shortages_are_reported(
    backing: Backing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "Administration", Cluster)
    small = dataclasses.replace(CALLS, partitions=2)
    async with service_settings(backing, "samband_kit") as fresh:
        settings = fresh.model_copy(update={"kafka_prefix": ""})
        assert await ensure_topics(settings, [small], dry_run=True) == [
            f"{CALLS.name} has 1 replicas instead of 3: reassign its partitions.",
            f"{CALLS.name} has min.insync.replicas=1 instead of 2: alter the topic.",
        ]
        await ensure_topics(settings, [NETWORKS])
        assert Cluster.made[NETWORKS.name]["min.insync.replicas"] == "2"


async def test_an_unreachable_kafka_is_one_clear_error(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        nowhere = settings.model_copy(update={"kafka_servers": "127.0.0.1:1"})
        with pytest.raises(KafkaUnreachable, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
            await ensure_topics(nowhere)


def test_groups_are_one_per_service_and_topic() -> None:
    assert topics.group("x.", "networks", CALLS) == "x.samband.networks.public.calls"
