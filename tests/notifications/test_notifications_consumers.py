"""Facts through the real Kafka: applied, repeated, shuffled, and with one missing."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

from samband_contracts import topics
from samband_contracts.event import CloudEvent, Event
from samband_contracts.meetings import InvitationRevised
from samband_contracts.organisations import OrganisationDescribed
from samband_contracts.registrations import RegistrationAccepted
from samband_kit.ids import new_id
from samband_kit.service import Kind
from samband_kit.testing import Backing, eventually, publish_raw, read_events
from samband_kit.testing.running import running
from samband_notifications.main import SERVICE

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


async def test_facts_are_applied_once_whatever_their_order_and_number(backing: Backing) -> None:
    network_id, pitea = new_id(), an_organisation("Piteå kommun")
    contacts = [a_contact(f"Gäst {n}", f"guest{n}@lund.example") for n in range(5)]
    contacts += [
        a_contact(f"Gäst {n}", f"guest{n}@pitea.example", organisation_id=pitea.organisation_id)
        for n in range(5)
    ]
    registrations = [received(contact.contact_id) for contact in contacts]
    facts: list[Event] = [
        OrganisationDescribed(organisation=LUND),
        OrganisationDescribed(organisation=pitea),
        *contacts,
        *registrations,
        represented(network_id, *contacts[:5]),
        represented(network_id, *contacts[5:]),
        invited(network_id),
    ]
    async with post_office(backing) as office:
        envelopes = [office.facts.envelope(fact) for fact in facts]
        async with running(SERVICE, office.settings, Kind.CONSUME) as service:
            for envelope in random.Random(8).sample(envelopes, len(envelopes)):
                await office.facts.publish_as(envelope)
            for envelope in random.Random(15).sample(envelopes, len(envelopes)):
                await office.facts.publish_as(envelope)
            await office.facts.applied(office.pool)
            await eventually(
                lambda: (
                    service.metric(
                        "samband_records_total",
                        topic=topics.REGISTRATIONS.name,
                        outcome="duplicate",
                    )
                    == len(registrations)
                )
            )
        states = await office.states()
        assert len(states) == 20
        assert set(states.values()) == {"queued"}
        assert await office.pool.fetchval("select count(*) from notifications") == 11


async def test_a_missing_fact_holds_back_its_key_alone_until_it_comes(backing: Backing) -> None:
    anna, bo = a_contact(), a_contact("Bo", "bo@lund.example")
    first = received(anna.contact_id)
    accepted = RegistrationAccepted(
        registration_id=first.registration_id,
        call_id=first.call_id,
        organisation=LUND,
        contact_ids=(anna.contact_id,),
        counterpart="undecided",
        theme="undecided",
    )
    async with post_office(backing) as office:
        begun, missing, later = (
            office.facts.envelope(fact) for fact in (first, submitted(first), accepted)
        )
        async with running(SERVICE, office.settings, Kind.CONSUME):
            await office.facts.publish(anna, bo)
            await office.facts.publish_as(begun)
            await office.facts.publish_as(later)
            await eventually(_parked(office, "gap"))
            await office.facts.publish(received(bo.contact_id))
            await office.until("queued")
            await eventually(_has(office, "confirm_registration bo@lund.example"))
            assert "registration_accepted anna@lund.example" not in await office.states()
            await office.facts.publish_as(missing)
            await eventually(_has(office, "registration_accepted anna@lund.example"))
            assert "registration_received anna@lund.example" in await office.states()


async def test_poison_stops_nobody(backing: Backing) -> None:
    contact = a_contact()
    async with post_office(backing) as office, running(SERVICE, office.settings, Kind.CONSUME):
        for key, value, headers in (
            (b"x", b"{", [("ce_type", None)]),
            (b"y", None, []),
            (b"\xff", b"\xff", [("ce_type", b"\xff")]),
        ):
            await publish_raw(
                office.settings, topics.CONTACT_STATE, key=key, value=value, headers=headers
            )
        await office.facts.publish(contact, received(contact.contact_id))
        await eventually(_has(office, "confirm_registration anna@lund.example"))
        assert await office.pool.fetchval("select count(*) from parked") == 3


async def test_from_a_fact_to_a_mail_to_a_fact(backing: Backing) -> None:
    network_id = new_id()
    first = invited(network_id)
    async with mail_server() as server, post_office(backing, server.port) as office:
        async with running(SERVICE, office.settings, Kind.CONSUME, Kind.SEND):
            contact = a_contact()
            await office.facts.publish(contact, represented(network_id, contact), first)
            await eventually(lambda: len(server.mails) == 1)
            revised = InvitationRevised(**first.model_dump() | {"revision": 1})
            (heard,) = await office.facts.publish(revised)
            await eventually(lambda: len(server.mails) == 2)
            await office.facts.publish(erased(contact))
            await office.facts.applied(office.pool)

            async def announced() -> list[CloudEvent[Any]]:
                found = await read_events(office.settings, topics.DELIVERIES)
                assert len(found) == 2
                return found

            events = await eventually(announced)
        last = max(events, key=lambda event: event.time)
        assert last.correlation_id == heard.correlation_id
        assert last.causation_id == heard.id
        assert last.data.outcome == "sent"


def _parked(office: PostOffice, reason: str) -> Callable[[], Awaitable[bool]]:
    async def parked() -> bool:
        return bool(await office.pool.fetchval("select 1 from parked where reason = $1", reason))

    return parked


def _has(office: PostOffice, delivery: str) -> Callable[[], Awaitable[bool]]:
    async def has() -> bool:
        return delivery in await office.states()

    return has


async def test_a_database_that_has_forgotten_a_mail_gives_it_the_same_id_again(
    backing: Backing,
) -> None:
    network_id, anna = new_id(), a_contact()
    issued = invited(network_id)
    revised = InvitationRevised(**issued.model_dump() | {"revision": 1})
    facts = [anna, received(anna.contact_id), represented(network_id, anna), issued, revised]
    sent = "update deliveries set state = 'sent', settled_at = now()"
    ids = "select template, delivery_id from deliveries order by 2"
    async with post_office(backing) as office:
        envelopes = [office.facts.envelope(fact) for fact in facts]
        for envelope in envelopes:
            await office.hear_as(envelope)
            await office.pool.execute(sent)
        first = await office.pool.fetch(ids)
    async with post_office(backing) as restored:
        # Others first, as a service that starts with all partitions at once may hear them.
        for envelope in [envelopes[2], *envelopes[3:4], *envelopes[:2], *envelopes[4:]]:
            await restored.hear_as(envelope)
            await restored.pool.execute(sent)
        again = await restored.pool.fetch(ids)
    assert len(first) == 3
    assert again == first
    assert len({row["delivery_id"] for row in first}) == 3
    # Lists show the newest first, by id.
    assert [row["delivery_id"].bytes[:6] for row in first] == [
        envelopes[n].id.bytes[:6] for n in (1, 3, 4)
    ]
