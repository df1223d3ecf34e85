"""The sender against a real mail server: what each answer leads to."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from samband_contracts.registrations import RegistrationDeclined
from samband_kit.ids import new_id
from samband_kit.testing import Backing, eventually

from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import (
    PostOffice,
    a_backlog,
    a_contact,
    post_office,
    received,
    submitted,
)

ANNA = "anna@lund.example"


async def one_confirmation(office: PostOffice) -> None:
    contact = a_contact()
    await office.hear(contact, received(contact.contact_id))


async def test_a_mail_goes_out_once_and_is_announced(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        await one_confirmation(office)
        async with office.sending():
            await office.until("sent")
        assert [mail.recipient for mail in server.mails] == [ANNA]
        (fact,) = await office.settled()
        assert (fact["template"], fact["outcome"]) == ("confirm_registration", "sent")
        row = await office.pool.fetchrow("select * from outbox")
        cause = await office.pool.fetchrow("select * from notifications")
        assert row is not None
        assert cause is not None
        assert row["correlation_id"] == cause["correlation_id"]
        assert str(cause["event_id"]) in row["headers"]


async def test_a_sender_gives_its_connections_back_as_it_got_them(backing: Backing) -> None:
    async with (
        mail_server() as server,
        post_office(backing, server.port, send_lease=10.0) as office,
    ):
        await one_confirmation(office)
        async with office.sending():
            await office.until("sent")
        async with AsyncExitStack() as stack:
            every = [await stack.enter_async_context(office.pool.acquire()) for _ in range(10)]
            for conn in every:
                assert await conn.fetchval("show idle_in_transaction_session_timeout") == "1min"


async def test_a_refusal_for_now_is_tried_again_later(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, "451", "rcpt 450", "250")
        await one_confirmation(office)
        async with office.sending():
            for attempt in (1, 2):
                await office.until("waiting: refused_for_now")
                row = await office.pool.fetchrow(
                    "select attempts, detail, extract(epoch from due_at - now())::float as due_in"
                    " from deliveries"
                )
                assert row is not None
                assert row["attempts"] == attempt
                assert row["detail"].endswith("<…>" if attempt == 1 else "<…> said so")
                assert 10 < row["due_in"] < 60
                await office.make_due()
                await eventually(lambda: not server.peek(ANNA).startswith(("451", "rcpt")))
            await office.until("sent")
        assert len(server.mails) == 1


@pytest.mark.parametrize("answer", ["550", "552", "rcpt 550", "rcpt 552", "rcpt 553", "554"])
async def test_a_refusal_for_ever_fails_with_the_servers_words(
    backing: Backing, answer: str
) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, answer)
        await one_confirmation(office)
        async with office.sending():
            await office.until("failed: refused")
        detail = await office.pool.fetchval("select detail from deliveries")
        assert detail.startswith(answer.removeprefix("rcpt "))
        assert ANNA not in detail
        assert (await office.settled())[0]["outcome"] == "failed"
        assert server.mails == []


async def test_a_server_that_wants_a_password_makes_nobody_fail(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, "rcpt 530")
        await one_confirmation(office)
        async with office.sending():
            await office.until("waiting: refused_for_now")


async def test_a_closing_server_is_met_again_on_a_new_connection(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, "421", "250")
        await one_confirmation(office)
        async with office.sending(smtp_connections=1):
            await office.until("waiting: refused_for_now")
            await office.make_due()
            await office.until("sent")
        assert server.sessions == 2


async def test_a_connection_lost_before_the_mail_costs_nothing(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, "drop", "250")
        await one_confirmation(office)
        async with office.sending():
            await office.until("sent")
        assert len(server.mails) == 1
        assert await office.steps() == ["queued: connection_lost"]


async def test_a_lost_reply_repeats_the_same_mail(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, "lose", "250")
        await one_confirmation(office)
        async with office.sending():
            await office.until("queued: no_reply")
            await office.make_due()
            await office.until("sent")
        first, second = server.mails
        assert first.message_id == second.message_id
        assert await office.steps() == ["uncertain: no_reply", "queued: no_reply"]
        assert office.registries[-1].get_sample_value("samband_deliveries_uncertain_total") == 1


async def test_a_lost_reply_to_a_refusal_is_held_for_a_person(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, "lose")
        contact = a_contact()
        declined = RegistrationDeclined(
            registration_id=new_id(), call_id=new_id(), contact_ids=(contact.contact_id,)
        )
        await office.hear(contact, declined)
        async with office.sending():
            await office.until("held: no_reply")
        assert [fact["outcome"] for fact in await office.settled()] == ["held"]


async def test_silence_for_ever_ends_with_a_person(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, *["lose"] * 10)
        await one_confirmation(office)
        async with office.sending():
            for _ in range(4):
                await office.until("queued: no_reply")
                await office.make_due()
                await eventually(_fewer(office))
            await office.until("held: no_reply")
        assert len(server.mails) == 5
        assert len({mail.message_id for mail in server.mails}) == 1


def _fewer(office: PostOffice) -> Callable[[], Awaitable[bool]]:
    async def began() -> bool:
        return bool(
            await office.pool.fetchval(
                "select bool_and(due_at is null or due_at > now()) from deliveries"
            )
        )

    return began


async def test_a_slow_server_is_left_and_tried_again(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.pause = 1.0
        await one_confirmation(office)
        async with office.sending(smtp_timeout=0.2):
            await office.until("queued: no_reply")


async def test_a_server_that_is_down_is_waited_for_without_touching_the_queue(
    backing: Backing,
) -> None:
    async with mail_server() as server:
        port = server.port
    async with post_office(backing, port) as office:
        await one_confirmation(office)
        async with office.sending() as sender:
            await eventually(lambda: sender.crew.unreachable)
            await office.until("queued")
            assert await office.pool.fetchval("select attempts from deliveries") == 0
            async with mail_server(port) as server:
                await office.until("sent")
        assert len(server.mails) == 1


async def test_a_backlog_is_sent_once_over_few_connections_by_two_senders(
    backing: Backing,
) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        await a_backlog(office, 300)
        async with office.sending(), office.sending():
            await office.until("sent", timeout=30)
        assert Counter(mail.recipient for mail in server.mails) == {
            f"guest{n}@lund.example": 1 for n in range(1, 301)
        }
        assert server.sessions <= 8
        assert len(await office.settled()) == 300


async def test_a_stop_finishes_what_is_under_way_and_gives_back_the_rest(
    backing: Backing,
) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        await a_backlog(office, 40)
        for n in range(1, 41):
            server.script(f"guest{n}@lund.example", "wait")
        async with office.sending():
            await eventually(lambda: server.waiting == 4)
            asyncio.get_running_loop().call_later(0.3, server.go.set)
        states = Counter((await office.states()).values())
        assert states == {"sent": 4, "queued": 36}
        assert await office.pool.fetchval("select count(lease_token) from deliveries") == 0
        assert len(server.mails) == 4


@pytest.mark.parametrize("address", ["nobody", "å@lund.example", "a@b@c", '"x y"@lund.example'])
async def test_an_address_that_cannot_be_written_to_fails_alone(
    backing: Backing, address: str
) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        other = a_contact("Bo", "bo@lund.example")
        contact = a_contact(email=address)
        await office.hear(contact, received(contact.contact_id))
        await office.hear(other, received(other.contact_id))
        async with office.sending():
            await office.until("sent", "failed: unusable_address")
        assert [mail.recipient for mail in server.mails] == ["bo@lund.example"]


async def test_a_name_with_a_line_break_never_reaches_a_header(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        contact = a_contact("Anna\r\nBcc: everybody@lund.example")
        await office.hear(contact, submitted(received(contact.contact_id)))
        async with office.sending():
            await office.until("failed: unsafe_content")
        assert server.mails == []


async def test_the_metrics_show_what_is_unfinished(backing: Backing) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, "550")
        await one_confirmation(office)
        async with office.sending(send_lease=1.0):
            await office.until("failed: refused")
            registry = office.registries[-1]
            failed = {"template": "confirm_registration", "state": "failed"}
            await eventually(
                lambda: registry.get_sample_value("samband_deliveries_unfinished_rows", failed) == 1
            )
            assert registry.get_sample_value("samband_delivery_attempts_total", failed) == 1
            assert registry.get_sample_value("samband_smtp_seconds_count") == 1
