"""What the kit offers to the tests of services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from samband_contracts.networks import NetworkOpened
from samband_contracts.topics import NETWORKS
from samband_kit import outbox
from samband_kit.ids import new_id
from samband_kit.reactions import Reaction
from samband_kit.service import Kind, Service
from samband_kit.settings import Settings
from samband_kit.testing import (
    Backing,
    Facts,
    create_topics,
    eventually,
    publish_raw,
    read_events,
    read_topic,
    running,
    service_settings,
)

from tests.kit.outboxes import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.event import CloudEvent
    from samband_kit.database import Connection

heard: list[CloudEvent[Any]] = []


async def on_network_opened(_conn: Connection, events: Sequence[CloudEvent[NetworkOpened]]) -> None:
    heard.extend(events)


LISTENER = Service(
    name="listener",
    package="samband_kit",
    settings=Settings,
    reactions=(Reaction(NETWORKS, {NetworkOpened: on_network_opened}),),
    web=None,
)


async def test_a_service_runs_in_the_test_and_sees_what_others_say(backing: Backing) -> None:
    heard.clear()
    async with (
        service_settings(backing, "samband_kit") as settings,
        running(LISTENER, settings, Kind.CONSUME) as service,
    ):
        facts = Facts(settings)
        network = new_id()
        said = await facts.publish(opened(network), opened(), opened(network))
        await facts.applied(service.pool)
        assert {(event.id, event.sequence) for event in heard} == {
            (event.id, event.sequence) for event in said
        }
        # What it writes itself gets out, too.
        async with service.pool.acquire() as conn:
            await outbox.append(conn, [opened(network)])
        await eventually(lambda: has_four(settings))
        published = service.metric("samband_outbox_published_total", topic=NETWORKS.name)
        assert published == 1


async def has_four(settings: Settings) -> bool:
    return len(await read_events(settings, NETWORKS)) == 4


async def test_any_bytes_can_be_published_and_are_read_as_they_are(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        await create_topics(settings, [NETWORKS])
        await publish_raw(settings, NETWORKS, key=None, value=b"\xff", headers=[("x", None)])
        await publish_raw(settings, NETWORKS, key=b"\xff", value=None, partition=3)
        first, second = sorted(await read_topic(settings, NETWORKS), key=lambda r: r.partition)
        assert (first.key, first.value, first.headers) == (None, b"\xff", (("x", None),))
        assert (second.key, second.value, second.partition) == (b"\xff", None, 3)


async def test_waiting_in_vain_shows_what_was_wrong() -> None:
    def check() -> bool:
        assert 1 + 1 == 3, "arithmetic"
        return True

    with pytest.raises(AssertionError, match="arithmetic"):
        await eventually(check, 0.05)
    with pytest.raises(AssertionError, match="did not come true"):
        await eventually(lambda: False, 0.05)


async def test_two_tests_never_share_a_database_or_a_topic(backing: Backing) -> None:
    async with (
        service_settings(backing, "samband_kit") as one,
        service_settings(backing, "samband_kit") as other,
    ):
        assert one.kafka_prefix != other.kafka_prefix
        assert one.database_url != other.database_url
