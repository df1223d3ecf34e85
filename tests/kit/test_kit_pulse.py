"""The pulse: what was erased leaves Kafka's files even where nobody says anything more."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from samband_contracts import kafka as contract
from samband_contracts.contacts import ContactErased
from samband_contracts.topics import ALL, CONTACT_STATE, Topic
from samband_kit import pulse
from samband_kit.ids import new_id
from samband_kit.kafka import Administration
from samband_kit.service import Kind, Service
from samband_kit.settings import Settings
from samband_kit.testing import (
    Facts,
    create_topics,
    eventually,
    read_topic,
    running,
    service_settings,
)
from samband_kit.topics import physical

from tests.kit.effects import Listener, described

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing

CANARY = "Kanarie Fågel"
SOON = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "max.compaction.lag.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    # Files that Kafka has no more use for go at once instead of after a minute.
    "file.delete.delay.ms": "0",
}

OWNER = Service(
    name="registration",
    package="samband_kit",
    settings=Settings,
    reactions=(Listener().contacts,),
    web=None,
)


@asynccontextmanager
async def quick_topic(backing: Backing) -> AsyncIterator[Settings]:
    """Settings with a topic for contacts that is compacted as soon as Kafka can."""
    async with service_settings(backing, "samband_kit") as settings:
        async with Administration(settings.kafka) as kafka:
            name = physical(settings.kafka_prefix, CONTACT_STATE)
            await kafka.create(name, partitions=3, replicas=1, configs=SOON)
        yield settings


async def erase_somebody(settings: Settings) -> None:
    contact_id = new_id()
    facts = Facts(settings)
    await facts.publish(described(contact_id, CANARY), ContactErased(contact_id=contact_id))


def lies_on_disk(backing: Backing, settings: Settings, text: str) -> bool:
    """Whether any file of the topic holds the text."""
    assert backing.kafka_data is not None
    name = physical(settings.kafka_prefix, CONTACT_STATE)
    while True:
        files = [path for path in backing.kafka_data.glob(f"{name}-*/*") if path.is_file()]
        assert files
        with suppress(FileNotFoundError):
            return any(text.encode() in path.read_bytes() for path in files)
        # Kafka's cleaner renamed or deleted a file meanwhile: look at all of them again.


async def test_an_erased_name_leaves_kafkas_files_where_a_pulse_beats_and_only_there(
    backing: Backing,
) -> None:
    async with quick_topic(backing) as beating, quick_topic(backing) as silent:
        for settings in (beating, silent):
            await erase_somebody(settings)
            assert lies_on_disk(backing, settings, CANARY)
        # The segment is as old as it may become; nothing ends it but an append.
        await asyncio.sleep(0.2)
        await pulse.beat(beating, [CONTACT_STATE])
        # Kafka's cleaner looks every 15 seconds.
        await eventually(lambda: not lies_on_disk(backing, beating, CANARY), 40, every=0.2)
        assert lies_on_disk(backing, silent, CANARY)


async def test_every_partition_gets_one_record_that_is_no_event(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        await create_topics(settings, [CONTACT_STATE])
        before = datetime.now(UTC)
        await pulse.beat(settings, [CONTACT_STATE])
        records = await read_topic(settings, CONTACT_STATE)
        assert sorted(record.partition for record in records) == list(range(12))
        for record in records:
            attributes = {name: value.decode() for name, value in record.headers if value}
            assert record.key == contract.PULSE_KEY.encode()
            assert attributes["ce_type"] == contract.PULSE_TYPE
            assert attributes["ce_source"] == CONTACT_STATE.source
            assert datetime.fromisoformat(attributes["ce_time"]) >= before
            assert "ce_sequence" not in attributes


def test_only_owners_of_topics_with_personal_data_have_a_pulse() -> None:
    assert pulse.topics_of("registration") == (CONTACT_STATE,)
    assert pulse.topics_of("networks") == ()
    owners = {topic.owner for topic in ALL if topic.max_compaction_lag_hours is not None}
    assert owners == {"registration"}


async def test_the_owner_beats_by_itself_and_a_consumer_parks_nothing(backing: Backing) -> None:
    async with (
        service_settings(backing, "samband_kit") as settings,
        running(OWNER, settings, Kind.CONSUME) as owner,
    ):

        def ignored() -> float:
            labels = {"topic": CONTACT_STATE.name, "outcome": "ignored"}
            return owner.metric("samband_records_total", **labels)

        await eventually(lambda: ignored() == 12, 30)
        await eventually(
            lambda: owner.metric("samband_job_runs_total", name="pulse", outcome="done") == 1
        )
        assert await owner.pool.fetchval("select count(*) from parked") == 0


async def test_without_kafka_the_erasure_goes_on_and_says_so(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        nowhere = settings.model_copy(update={"kafka_servers": "127.0.0.1:1"})
        topics: list[Topic] = [CONTACT_STATE]
        assert not await pulse.try_to_beat(nowhere, topics)
        await create_topics(settings, topics)
        assert await pulse.try_to_beat(settings, topics)
