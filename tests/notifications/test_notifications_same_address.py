"""One person who is known as two contacts, by two registrations, gets each message once."""

import asyncio
from collections.abc import Sequence

import pytest
from samband_contracts.contacts import ContactDescribed
from samband_contracts.meetings import InvitationRevised, InvitationWithdrawn
from samband_contracts.registrations import RegistrationAccepted
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
    represented,
)

ANNA = "anna@lund.example"
NETWORK = new_id()


def two_contacts(*addresses: str) -> list[ContactDescribed]:
    """One person, described by two registrations for two organisations."""
    pitea = an_organisation("Piteå kommun").organisation_id
    first, second = addresses or (ANNA, ANNA)
    return [a_contact(email=first), a_contact(email=second, organisation_id=pitea)]


async def as_members(office: PostOffice, contacts: Sequence[ContactDescribed]) -> None:
    """Let each act for a member of its own."""
    for contact in contacts:
        await office.hear(contact, represented(NETWORK, contact))


async def ends(office: PostOffice) -> list[str]:
    """The states of all deliveries."""
    rows = await office.pool.fetch("select concat_ws(': ', state, reason) as s from deliveries")
    return sorted(row["s"] for row in rows)


async def first_in_state(
    office: PostOffice, contacts: Sequence[ContactDescribed], state: str
) -> ContactDescribed:
    """The contact whose delivery is in this state."""
    recipient_id = await office.pool.fetchval(
        "select recipient_id from deliveries where state = $1", state
    )
    [found] = [contact for contact in contacts if contact.contact_id == recipient_id]
    return found


async def settled(office: PostOffice, expected: list[str]) -> None:
    async def there() -> bool:
        assert await ends(office) == sorted(expected)
        return True

    await eventually(there)


async def test_an_invitation_comes_once(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        await as_members(office, two_contacts(ANNA, "Anna@Lund.example"))
        await office.hear(invited(NETWORK))
        async with office.sending():
            await settled(office, ["sent", "skipped: duplicate"])
        assert len(server.mails) == 1
        assert sorted(fact["outcome"] for fact in await office.settled()) == ["sent", "skipped"]


async def test_several_senders_agree_on_whom_has_had_it(backing: Backing) -> None:
    people = [two_contacts(*[f"anna{number}@lund.example"] * 2) for number in range(40)]
    async with mail_server() as server, post_office(backing, server.port) as office:
        await as_members(office, [contact for pair in people for contact in pair])
        await office.hear(invited(NETWORK))
        async with office.sending(), office.sending(), office.sending():
            await settled(office, ["sent"] * 40 + ["skipped: duplicate"] * 40)
        assert len({mail.recipient for mail in server.mails}) == len(server.mails) == 40


async def test_whoever_gets_a_second_contact_later_is_not_invited_again(backing: Backing) -> None:
    first, second = two_contacts()
    async with mail_server() as server, post_office(backing, server.port) as office:
        await as_members(office, [first])
        await office.hear(invited(NETWORK))
        async with office.sending():
            await settled(office, ["sent"])
            await as_members(office, [second])
            await settled(office, ["sent", "skipped: duplicate"])
        assert len(server.mails) == 1


async def test_each_change_of_a_meeting_comes_once(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        await as_members(office, two_contacts())
        first = invited(NETWORK)
        await office.hear(first)
        async with office.sending():
            await settled(office, ["sent", "skipped: duplicate"])
            await office.hear(InvitationRevised(**first.model_dump() | {"revision": 1}))
            await settled(office, ["sent", "skipped: duplicate"] * 2)
        assert len(server.mails) == 2


async def test_the_second_contact_waits_while_the_first_is_tried_again(backing: Backing) -> None:
    contacts = two_contacts()
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, "451")
        await as_members(office, contacts)
        await office.hear(invited(NETWORK))
        async with office.sending():
            await settled(office, ["waiting: refused_for_now", "queued"])
            await asyncio.sleep(0.5)
            assert await ends(office) == ["queued", "waiting: refused_for_now"]
            await office.make_due()
            await settled(office, ["sent", "skipped: duplicate"])


@pytest.mark.parametrize("how", ["erased", "no longer a member"])
async def test_what_the_first_contact_no_longer_gets_the_second_one_does(
    backing: Backing, how: str
) -> None:
    contacts = two_contacts()
    memberships = {one.contact_id: represented(NETWORK, one) for one in contacts}
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, "451")
        await office.hear(*contacts, *memberships.values(), invited(NETWORK))
        async with office.sending():
            await settled(office, ["waiting: refused_for_now", "queued"])
            first = await first_in_state(office, contacts, "waiting")
            if how == "erased":
                await office.hear(erased(first))
            else:
                await office.hear(
                    memberships[first.contact_id].model_copy(update={"contact_ids": ()})
                )
            await office.until("sent", "skipped: erased", "skipped: no_longer_member")
        assert len(server.mails) == 1


async def test_a_cancellation_reaches_whoever_was_invited_as_another_contact(
    backing: Backing,
) -> None:
    contacts = two_contacts()
    async with mail_server() as server, post_office(backing, server.port) as office:
        await as_members(office, contacts)
        meeting = invited(NETWORK)
        await office.hear(meeting)
        async with office.sending():
            await settled(office, ["sent", "skipped: duplicate"])
            gone = await first_in_state(office, contacts, "sent")
            await office.hear(erased(gone), InvitationWithdrawn(**meeting.model_dump()))
            await settled(office, ["sent", "skipped: duplicate", "sent", "skipped: erased"])
        assert len(server.mails) == 2


async def test_an_answer_to_a_registration_comes_once(backing: Backing) -> None:
    contacts = [a_contact(), a_contact()]
    async with mail_server() as server, post_office(backing, server.port) as office:
        await office.hear(*contacts)
        await office.hear(
            RegistrationAccepted(
                registration_id=new_id(),
                call_id=new_id(),
                organisation=LUND,
                contact_ids=tuple(contact.contact_id for contact in contacts),
                counterpart="undecided",
                theme="undecided",
            )
        )
        async with office.sending():
            await settled(office, ["sent", "skipped: duplicate"])
        assert len(server.mails) == 1


async def test_two_persons_and_two_registrations_are_not_mixed_up(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        await as_members(office, [a_contact(), a_contact("Bo", "bo@lund.example")])
        await office.hear(invited(NETWORK), invited(NETWORK))
        async with office.sending():
            await settled(office, ["sent"] * 4)
        assert len(server.mails) == 4
