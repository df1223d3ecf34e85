"""What is not sent because something newer, or time, has overtaken it."""

from collections.abc import Awaitable, Callable

from samband_contracts.meetings import InvitationRevised
from samband_kit.ids import new_id
from samband_kit.testing import Backing, eventually

from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import (
    PostOffice,
    a_contact,
    invited,
    post_office,
    received,
    represented,
    submitted,
)

ANNA = "anna@lund.example"


async def test_what_is_overtaken_is_not_sent(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        contact = a_contact()
        sent = received(contact.contact_id)
        await office.hear(contact, sent, submitted(sent))
        async with office.sending():
            await office.until("sent", "skipped: superseded")
        (mail,) = server.mails
        assert mail.message["Subject"] == "Vi har tagit emot er anmälan LUN-4711"
        assert [fact["outcome"] for fact in await office.settled()] == ["skipped", "sent"]


async def test_a_retry_that_was_overtaken_meanwhile_is_skipped(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        network_id, first = new_id(), invited(new_id())
        first = first.model_copy(update={"network_id": network_id})
        server.script(ANNA, "wait")
        anna = a_contact()
        await office.hear(anna, represented(network_id, anna), first)
        async with office.sending(smtp_timeout=0.5, smtp_connections=1):
            await eventually(lambda: server.waiting == 1)
            await office.hear(InvitationRevised(**first.model_dump() | {"revision": 1}))
            await eventually(lambda: len(server.mails) == 2)
            await eventually(_resolved(office))
            await office.make_due()
            await office.until("sent", "skipped: superseded")
        assert [calendar_sequence(mail.raw) for mail in server.mails] == [0, 1]


def _resolved(office: PostOffice) -> Callable[[], Awaitable[bool]]:
    async def resolved() -> bool:
        return not await office.pool.fetchval(
            "select count(*) from deliveries where state = 'sending'"
        )

    return resolved


def calendar_sequence(raw: bytes) -> int:
    return int(raw.decode().partition("SEQUENCE:")[2].split()[0])


async def test_what_is_too_late_is_not_sent(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        contact = a_contact()
        await office.hear(contact, received(contact.contact_id))
        await office.pool.execute("update notifications set expires_at = now()")
        async with office.sending():
            await office.until("skipped: too_late")
        assert server.mails == []
