"""Mail servers that do not want us as we are: the queue is left alone, and nothing goes in clear."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from pydantic import ValidationError
from samband_kit.testing import Backing, eventually
from samband_notifications.settings import NotificationsSettings

from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import a_contact, post_office, received


@asynccontextmanager
async def greeting(*replies: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers each line with the next reply, and then not at all."""
    heard: list[bytes] = []
    silence = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            writer.write(reply)
            heard.append(await reader.readline())
        with suppress(TimeoutError):
            await asyncio.wait_for(silence.wait(), 5)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        silence.set()
        server.close()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("tls", "replies"),
    [
        ("none", [b"421 too busy\r\n"]),
        ("none", [b"554 not you\r\n"]),
        ("none", []),
        ("none", [b"220 hello\r\n", b"550 no\r\n"]),
        ("starttls", [b"220 hello\r\n", b"250-hello\r\n250 8BITMIME\r\n"]),
        ("starttls", [b"220 hello\r\n", b"250-hello\r\n250 STARTTLS\r\n", b"454 not now\r\n"]),
        ("starttls", [b"220 hello\r\n", b"250-hello\r\n250 STARTTLS\r\n", b"220 go\r\n", b"x\r\n"]),
        ("tls", [b"220 hello\r\n"]),
    ],
    ids=["busy", "unwanted", "silent", "no-ehlo", "stripped", "tls-refused", "no-tls", "plain"],
)
async def test_nothing_is_begun_with_a_server_that_is_not_as_agreed(
    backing: Backing, tls: str, replies: list[bytes]
) -> None:
    contact = a_contact()
    async with (
        greeting(*replies) as (port, heard),
        post_office(backing, port, smtp_tls=tls, smtp_timeout=0.5) as office,
    ):
        await office.hear(contact, received(contact.contact_id))
        async with office.sending(smtp_connections=1) as sender:
            await eventually(lambda: sender.crew.unreachable)
            await office.until("queued")
        assert await office.pool.fetchval("select attempts from deliveries") == 0
        assert not [line for line in heard if line.upper().startswith((b"MAIL", b"RCPT", b"DATA"))]


async def test_a_server_without_tls_is_never_spoken_to_in_clear(backing: Backing) -> None:
    contact = a_contact()
    async with mail_server() as server:
        async with post_office(backing, server.port, smtp_tls="starttls") as office:
            await office.hear(contact, received(contact.contact_id))
            async with office.sending() as sender:
                await eventually(lambda: sender.crew.unreachable)
            assert await office.states() == {"confirm_registration anna@lund.example": "queued"}
        assert server.mails == []


def test_a_password_needs_tls() -> None:
    with pytest.raises(ValidationError, match="SAMBAND_SMTP_TLS"):
        NotificationsSettings(
            database_url="postgresql://a:b@127.0.0.1/c",
            kafka_servers="127.0.0.1:9092",
            secret_keys="k" * 32,
            smtp_tls="none",
            smtp_username="samband",
        )


@pytest.mark.parametrize("value", ["nobody", "", "A <b>", "x@", "a@b\r\nBcc: c@d"])
def test_a_sender_is_an_address(value: str) -> None:
    with pytest.raises(ValidationError, match="local@domain"):
        NotificationsSettings(
            database_url="postgresql://a:b@127.0.0.1/c",
            kafka_servers="127.0.0.1:9092",
            secret_keys="k" * 32,
            mail_from=value,
        )
