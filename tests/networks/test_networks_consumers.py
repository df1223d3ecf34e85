"""Facts as they come over Kafka: applied, repeated, shuffled, and with a gap."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from samband_contracts.accounts import AccountDescribed
from samband_contracts.calls import CallClosed
from samband_contracts.event import CloudEvent, Event
from samband_contracts.registrations import (
    RegistrationAccepted,
    RegistrationMerged,
    RegistrationOpened,
    RegistrationWithdrawn,
)
from samband_contracts.topics import MEMBERSHIPS
from samband_contracts.values import Localised, Role
from samband_kit.accounts import account
from samband_kit.ids import new_id
from samband_kit.service import Kind
from samband_kit.settings import Settings
from samband_kit.testing import (
    Backing,
    Facts,
    RunningService,
    eventually,
    read_events,
    running,
    service_settings,
)
from samband_networks.main import SERVICE
from samband_networks.networks import handlers
from samband_networks.networks.domain import Actor

from tests.networks.stage import PAIRS, accepted, municipality, opened

COORDINATOR = Actor(new_id(), frozenset({Role.COORDINATOR}))


@dataclass
class Consuming:
    """The service as it consumes and publishes, and facts for it."""

    settings: Settings
    service: RunningService
    facts: Facts

    async def network(self, call_id: UUID | None) -> UUID:
        name = Localised(sv=f"Nätverk {new_id()}", en="Network")
        command = handlers.CreateNetwork(name, 1, call_id, None)
        return await handlers.create_network(
            self.service.pool, command, by=COORDINATOR, key=str(new_id())
        )

    async def say(self, *events: Event) -> list[CloudEvent[Any]]:
        said = await self.facts.publish(*events)
        await self.facts.applied(self.service.pool)
        return said

    async def again(self, said: list[CloudEvent[Any]], *, times: int = 3) -> None:
        """Repeat what was said, shuffled, and wait until all of it has been read."""
        before = await self._settled()
        repeated = said * times
        random.Random(3).shuffle(repeated)
        for envelope in repeated:
            await self.facts.publish_as(envelope)

        async def read() -> bool:
            return await self._settled() >= before + len(repeated)

        await eventually(read, 20)

    async def _settled(self) -> float:
        topics = {reaction.topic.name for reaction in SERVICE.reactions}
        ends = ("applied", "duplicate", "parked", "ignored")
        metric = self.service.metric
        return sum(
            metric("samband_records_total", topic=topic, outcome=end)
            for topic in topics
            for end in ends
        )

    async def members(self) -> list[tuple[str, int]]:
        rows = await self.service.pool.fetch(
            """
            select name, (select count(*) from representatives
                            where representatives.membership_id = memberships.membership_id) as n
            from memberships join organisations using (organisation_id)
            order by name
            """
        )
        return [(row["name"], row["n"]) for row in rows]


@pytest.fixture
async def on(backing: Backing) -> AsyncIterator[Consuming]:
    async with (
        service_settings(backing, SERVICE.package) as settings,
        running(SERVICE, settings, Kind.CONSUME) as service,
    ):
        facts = Facts(settings)
        await facts.publish(
            AccountDescribed(
                account_id=COORDINATOR.account_id, roles=(Role.COORDINATOR,), epoch=1, active=True
            )
        )
        await facts.applied(service.pool)
        yield Consuming(settings, service, facts)


def pairs(call_id: UUID) -> list[RegistrationAccepted]:
    return [
        accepted(call_id, municipality(own), municipality(other, country))
        for own, other, country in PAIRS
    ]


async def test_sixteen_organisations_join_once_however_often_and_in_whatever_order(
    on: Consuming,
) -> None:
    call = opened(new_id())
    given = pairs(call.call_id)
    merged = RegistrationMerged(
        registration_id=new_id(),
        call_id=call.call_id,
        into=given[-1].registration_id,
        organisation_id=given[-1].organisation.organisation_id,
        contact_ids=(new_id(),),
    )
    shuffled: list[Event] = [merged, *given]
    random.Random(7).shuffle(shuffled)
    said = await on.say(*shuffled[:4], call, *shuffled[4:])
    await on.network(call.call_id)
    await on.again(said)
    found = dict(await on.members())
    assert len(found) == 16
    assert found["Lunds kommun"] == 2
    assert sum(found.values()) == 9

    async def published() -> bool:
        return len(await read_events(on.settings, MEMBERSHIPS)) == 16

    await eventually(published, 20)
    joined = await read_events(on.settings, MEMBERSHIPS)
    assert {event.sequence for event in joined} == {1}
    stories = {envelope.correlation_id for envelope in said}
    assert {event.correlation_id for event in joined} <= stories


async def test_members_join_as_they_are_accepted(on: Consuming) -> None:
    call = opened(new_id())
    await on.say(call)
    await on.network(call.call_id)
    said = await on.say(accepted(call.call_id, municipality("Falu kommun"), contacts=2))
    await on.again(said)
    assert await on.members() == [("Falu kommun", 2)]


async def test_an_acceptance_waits_for_the_fact_before_it(on: Consuming) -> None:
    call = opened(new_id())
    await on.say(call)
    await on.network(call.call_id)
    given = accepted(call.call_id, municipality("Piteå kommun"))
    before = RegistrationOpened(registration_id=given.registration_id, call_id=call.call_id)
    first = on.facts.envelope(before)
    second = on.facts.envelope(given)
    await on.facts.publish_as(second)

    async def parked() -> bool:
        query = "select reason from parked"
        return bool(await on.service.pool.fetchval(query) == "gap")

    await eventually(parked, 20)
    assert await on.members() == []
    await on.facts.publish_as(first)
    await on.facts.applied(on.service.pool)
    assert await on.members() == [("Piteå kommun", 1)]


async def test_a_withdrawal_becomes_one_task(on: Consuming) -> None:
    call = opened(new_id())
    given = accepted(call.call_id, municipality("Bollnäs kommun"))
    await on.say(call, given)
    await on.network(call.call_id)
    said = await on.say(
        RegistrationWithdrawn(
            registration_id=given.registration_id, call_id=call.call_id, contact_ids=()
        )
    )
    await on.again(said)
    rows = await on.service.pool.fetch("select kind from tasks")
    assert [row["kind"] for row in rows] == ["withdrawn"]


async def test_a_call_that_closes_is_still_known(on: Consuming) -> None:
    call = opened(new_id())
    closed = CallClosed(call_id=call.call_id, closed_at=datetime.now(UTC))
    said = await on.say(call, closed)
    await on.again(said)
    row = await on.service.pool.fetchrow("select title_en, closed_at from calls")
    assert row is not None
    assert row["title_en"] == call.title.en
    assert row["closed_at"] == closed.closed_at


async def test_of_an_account_the_newest_news_count(on: Consuming) -> None:
    def news(epoch: int, *, active: bool) -> CloudEvent[Any]:
        event = AccountDescribed(
            account_id=COORDINATOR.account_id, roles=(Role.STAFF,), epoch=epoch, active=active
        )
        return on.facts.envelope(event, sequence=epoch)

    for envelope in (news(5, active=False), news(3, active=True), news(5, active=False)):
        await on.facts.publish_as(envelope)

    async def known() -> bool:
        async with on.service.pool.acquire() as conn:
            found = await account(conn, COORDINATOR.account_id)
        return found is not None and found.epoch == 5

    await eventually(known, 20)
    async with on.service.pool.acquire() as conn:
        found = await account(conn, COORDINATOR.account_id)
    assert found is not None
    assert not found.active
