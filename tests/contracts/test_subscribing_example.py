"""The example of docs/subscribing.md does what the page says."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from samband_contracts.memberships import MembershipJoined
from samband_contracts.topics import MEMBERSHIPS
from samband_contracts.values import Organisation, OrganisationKind
from samband_kit.ids import new_id
from samband_kit.settings import Settings
from samband_kit.testing import Backing, Facts, create_topics, service_settings

PAGE = Path(__file__).parents[2] / "docs/subscribing.md"
LONGEST_EXAMPLE = 25


@pytest.fixture
async def settings(backing: Backing) -> AsyncIterator[Settings]:
    async with service_settings(backing, "samband_networks") as found:
        await create_topics(found, [MEMBERSHIPS])
        yield found


@pytest.fixture
async def subscriber(settings: Settings) -> AsyncIterator[Process]:
    """The example, running."""
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(example.splitlines()) <= LONGEST_EXAMPLE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", example, stdout=PIPE, stderr=PIPE,
        env={**os.environ, "KAFKA": settings.kafka_servers, "TOPIC_PREFIX": settings.kafka_prefix},
    )  # fmt: skip
    yield process
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def test_the_example_tells_of_each_member_once(
    settings: Settings, subscriber: Process
) -> None:
    facts = Facts(settings)
    member = joined("Piteå kommun")
    [envelope] = await facts.publish(member)
    await facts.publish_as(envelope)
    organisation = member.organisation.model_copy(update={"name": "Piteå stad"})
    await facts.publish(member.model_copy(update={"organisation": organisation}))
    assert [await line(subscriber), await line(subscriber)] == [
        "Piteå kommun joined",
        "Piteå stad joined",
    ]


async def test_the_example_stops_at_a_hole(settings: Settings, subscriber: Process) -> None:
    facts = Facts(settings)
    lund = joined("Lunds kommun")
    await facts.publish_as(facts.envelope(lund, sequence=1))
    assert await line(subscriber) == "Lunds kommun joined"
    await facts.publish_as(facts.envelope(lund, sequence=3))
    _, errors = await asyncio.wait_for(subscriber.communicate(), timeout=20)
    assert f"1 events of {lund.key} are missing" in errors.decode()
    assert subscriber.returncode == 1


def joined(name: str) -> MembershipJoined:
    municipality = Organisation(
        organisation_id=new_id(),
        name=name,
        kind=OrganisationKind.MUNICIPALITY,
        country="SE",
        code=None,
    )
    return MembershipJoined(membership_id=new_id(), network_id=new_id(), organisation=municipality)


async def line(process: Process) -> str:
    """The next line of the example without the network's id at its end."""
    assert process.stdout
    said = await asyncio.wait_for(process.stdout.readline(), timeout=20)
    return said.decode().rpartition(" ")[0]
