"""Who gets what: whatever order facts arrive in, everybody concerned, once, and nobody else."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from samband_contracts.event import Event
from samband_contracts.meetings import InvitationRevised, InvitationWithdrawn
from samband_contracts.registrations import (
    RegistrationAccepted,
    RegistrationDeclined,
    RegistrationMerged,
)
from samband_kit.ids import new_id
from samband_kit.testing import Backing, eventually

from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import (
    LUND,
    PostOffice,
    a_contact,
    an_organisation,
    erased,
    invited,
    post_office,
    received,
    represented,
    submitted,
)

NETWORK = new_id()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_members_are_invited_whatever_arrives_last(
    backing: Backing, order: tuple[int, ...]
) -> None:
    anna = a_contact()
    facts: list[Event] = [anna, represented(NETWORK, anna), invited(NETWORK)]
    async with post_office(backing) as office:
        for place in order:
            await office.hear(facts[place])
        assert await office.states() == {"invitation anna@lund.example": "queued"}


async def test_everybody_who_acts_for_a_member_is_invited_and_nobody_else(
    backing: Backing,
) -> None:
    pitea, malmo = an_organisation("Piteå kommun"), an_organisation("Malmö kommun")
    anna, bo = a_contact(), a_contact("Bo", "bo@lund.example")
    cia = a_contact("Cia", "cia@pitea.example", organisation_id=pitea.organisation_id)
    dan = a_contact("Dan", "dan@malmo.example", organisation_id=malmo.organisation_id)
    facts: list[Event] = [
        *(anna, bo, cia, dan),
        # She says that she is from Lund, and nobody has confirmed it.
        a_contact("Eva", "eva@elsewhere.example"),
        represented(NETWORK, anna, bo),
        represented(NETWORK, cia),
        represented(new_id(), dan),
        invited(NETWORK),
    ]
    async with post_office(backing) as office:
        for fact in random.Random(4711).sample(facts, len(facts)):
            await office.hear(fact)
        assert sorted(await office.states()) == [
            "invitation anna@lund.example",
            "invitation bo@lund.example",
            "invitation cia@pitea.example",
        ]


async def test_a_registration_waits_for_its_contact_person(backing: Backing) -> None:
    contact = a_contact()
    async with mail_server() as server, post_office(backing, server.port) as office:
        await office.hear(received(contact.contact_id))
        async with office.sending():
            await office.until("queued")
            assert server.mails == []
            await office.hear(contact)
            await office.until("sent")
        assert len(server.mails) == 1


async def test_everybody_of_an_accepted_registration_is_told(backing: Backing) -> None:
    anna, bo = a_contact(), a_contact("Bo", "bo@lund.example")
    first, second = received(anna.contact_id), received(bo.contact_id, reference="LUN-4712")
    async with post_office(backing) as office:
        await office.hear(anna, bo, first, second, submitted(first))
        await office.hear(
            RegistrationMerged(
                registration_id=second.registration_id,
                call_id=second.call_id,
                into=first.registration_id,
                organisation_id=LUND.organisation_id,
                contact_ids=(bo.contact_id,),
            ),
            RegistrationAccepted(
                registration_id=first.registration_id,
                call_id=first.call_id,
                organisation=LUND,
                contact_ids=(anna.contact_id, bo.contact_id),
                counterpart=an_organisation("Francistown"),
                theme="undecided",
            ),
        )
        states = await office.states()
        assert {name for name, state in states.items() if state == "queued"} == {
            "registration_received anna@lund.example",
            "registration_joined bo@lund.example",
            "registration_accepted anna@lund.example",
            "registration_accepted bo@lund.example",
        }
        assert {name for name, state in states.items() if state == "skipped: superseded"} == {
            "confirm_registration anna@lund.example",
            "confirm_registration bo@lund.example",
        }
        facts = await office.pool.fetch("select template, facts from notifications")
        references = {row["template"]: row["facts"]["reference"] for row in facts}
        assert references["registration_joined"] == "LUN-4712"
        assert references["registration_accepted"] == "LUN-4711"


async def test_an_answer_replaces_the_answer_before_it(backing: Backing) -> None:
    anna = a_contact()
    first = received(anna.contact_id)
    ids = {"registration_id": first.registration_id, "call_id": first.call_id}
    async with post_office(backing) as office:
        await office.hear(
            anna,
            RegistrationDeclined(**ids, contact_ids=(anna.contact_id,)),
            RegistrationAccepted(
                **ids,
                organisation=LUND,
                contact_ids=(anna.contact_id,),
                counterpart="undecided",
                theme="undecided",
            ),
        )
        assert await office.states() == {
            "registration_declined anna@lund.example": "skipped: superseded",
            "registration_accepted anna@lund.example": "queued",
        }


async def test_only_the_newest_invitation_is_for_those_who_come_late(backing: Backing) -> None:
    first = invited(NETWORK)
    revised = InvitationRevised(**first.model_dump() | {"revision": 1})
    async with post_office(backing) as office:
        anna = a_contact()
        await office.hear(first, revised, represented(NETWORK, anna), anna)
        assert list((await office.states()).values()) == ["queued"]
        revision = await office.pool.fetchval(
            "select facts->'revision' from deliveries join notifications using (notification_id)"
        )
        assert revision == 1


async def test_nobody_is_invited_to_what_is_over(backing: Backing) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    over = invited(NETWORK, starts_at=yesterday, ends_at=yesterday + timedelta(hours=1))
    async with post_office(backing) as office:
        anna = a_contact()
        await office.hear(over, represented(NETWORK, anna), anna)
        assert await office.states() == {}


async def test_a_cancellation_reaches_those_who_were_told_and_nobody_else(
    backing: Backing,
) -> None:
    anna, late = a_contact(), a_contact("Bo", "bo@lund.example")
    third = a_contact("Cia", "cia@lund.example")
    invitation = invited(NETWORK)
    withdrawn = InvitationWithdrawn(**invitation.model_dump() | {"revision": 1})
    async with mail_server() as server, post_office(backing, server.port) as office:
        await office.hear(anna, represented(NETWORK, anna, late, third), invitation)
        async with office.sending():
            await office.until("sent")
        await office.hear(late, withdrawn)
        assert await office.states() == {
            "invitation anna@lund.example": "sent",
            "invitation bo@lund.example": "skipped: superseded",
            "invitation_cancelled anna@lund.example": "queued",
        }
        await office.hear(third)
        assert len(await office.states()) == 3


async def test_whoever_leaves_a_network_gets_no_invitation_that_still_waits(
    backing: Backing,
) -> None:
    anna, cia = a_contact(), a_contact("Cia", "cia@pitea.example")
    member = represented(NETWORK, anna)
    left = member.model_copy(update={"contact_ids": ()})
    async with post_office(backing) as office:
        await office.hear(anna, cia, member, represented(NETWORK, cia), invited(NETWORK))
        (heard,) = await office.hear(left)
        assert await office.states() == {
            "invitation anna@lund.example": "skipped: no_longer_member",
            "invitation cia@pitea.example": "queued",
        }
        row = await office.pool.fetchrow("select correlation_id from outbox")
        assert row is not None
        assert row["correlation_id"] == heard.correlation_id


async def test_whoever_acts_for_another_member_too_stays_invited(backing: Backing) -> None:
    anna = a_contact()
    member = represented(NETWORK, anna)
    async with post_office(backing) as office:
        await office.hear(anna, member, represented(NETWORK, anna), invited(NETWORK))
        await office.hear(member.model_copy(update={"contact_ids": ()}))
        assert await office.states() == {"invitation anna@lund.example": "queued"}


async def test_an_erased_person_is_forgotten_and_gets_nothing_more(backing: Backing) -> None:
    contact = a_contact()
    first = received(contact.contact_id)
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script("anna@lund.example", "451 dear anna")
        await office.hear(contact, first, represented(NETWORK, contact), invited(NETWORK))
        async with office.sending():
            await office.until("sent", "waiting: refused_for_now")
            await office.hear(erased(contact))
            await office.hear(submitted(first))
            await eventually(_all(office, "sent", "skipped: erased"))
        assert len(server.mails) == 1
        known = await office.pool.fetchval(
            "select num_nonnulls(organisation_id, name, email, language, time_zone) from recipients"
        )
        assert known == 0
        assert await _mentions(office, "anna") == []
        outcomes = [fact["outcome"] for fact in await office.settled()]
        assert sorted(outcomes) == ["sent", "skipped", "skipped"]


async def test_an_erasure_stops_a_mail_that_is_claimed_but_not_begun(backing: Backing) -> None:
    contact = a_contact()
    async with mail_server() as server, post_office(backing, server.port) as office:
        await office.hear(contact, received(contact.contact_id))
        await office.pool.execute(
            "update deliveries set state = 'sending', lease_token = $1, due_at = null,"
            " lease_until = now() + interval '1 hour'",
            new_id(),
        )
        await office.hear(erased(contact))
        assert list((await office.states()).values()) == ["skipped: erased"]


def _all(office: PostOffice, *states: str) -> Callable[[], Awaitable[bool]]:
    async def there() -> bool:
        await office.make_due()
        return set((await office.states()).values()) <= set(states)

    return there


async def _mentions(office: PostOffice, canary: str) -> list[str]:
    """The tables that hold the word anywhere."""
    found = []
    tables = await office.pool.fetch(
        "select tablename from pg_tables where schemaname = current_schema()"
    )
    for (table,) in tables:
        rows = await office.pool.fetch(f"select t::text as row from {table} t")
        found += [table for row in rows if canary in row["row"].lower()]
    return found


async def test_two_facts_at_the_same_moment_do_not_miss_each_other(backing: Backing) -> None:
    """A membership and an invitation whose transactions overlap in every possible way."""
    async with post_office(backing) as office:
        anna = a_contact()
        await office.hear(anna)
        networks: list[UUID] = [new_id() for _ in range(30)]
        await asyncio.gather(
            *(office.hear(represented(network, anna)) for network in networks),
            *(office.hear(invited(network)) for network in networks),
        )
        assert await office.pool.fetchval("select count(*) from deliveries") == 30
