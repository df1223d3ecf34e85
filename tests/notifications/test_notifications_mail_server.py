"""The scripted mail server itself: what it says, stores and keeps to itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPTimeoutError

from tests.notifications.mail_server import a_mail_program, mail_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notifications.mail_server import MailServer

ANNA = "anna@lund.example"
MAIL = b"Message-ID: <1@samband.example>\r\nTo: Anna\r\n\r\nHej.\r\n"


async def sent(port: int, to: str = ANNA, timeout: float = 5.0) -> int:  # noqa: ASYNC109 - handed on
    """The code that a mail got at its end."""
    client = SMTP(hostname="127.0.0.1", port=port, timeout=timeout)
    try:
        await client.connect()
        await client.sendmail("samband@icld.example", [to], MAIL)
    except SMTPResponseException as error:
        return error.code
    finally:
        client.close()
    return 250


@pytest.mark.parametrize(
    ("answer", "code", "stored"),
    [("250", 250, 1), ("451", 451, 0), ("552", 552, 0), ("delay 0.1", 250, 1)],
)
async def test_it_says_what_the_script_says_and_then_yes(
    answer: str, code: int, stored: int
) -> None:
    async with mail_server() as server:
        server.script(ANNA, answer)
        assert await sent(server.port) == code
        assert len(server.mails) == stored
        assert await sent(server.port) == 250


@pytest.mark.parametrize(("answer", "stored"), [("drop", 0), ("cut", 0), ("lose", 1)])
async def test_it_hangs_up_where_the_script_says(answer: str, stored: int) -> None:
    async with mail_server() as server:
        server.script(ANNA, answer)
        with pytest.raises((SMTPException, ConnectionResetError)):
            await sent(server.port)
        assert len(server.mails) == stored


async def test_everybody_gets_the_other_answer_when_there_is_one() -> None:
    async with mail_server() as server:
        server.otherwise = "421"
        assert await sent(server.port) == 421
        assert server.mails == []


def slow_to_greet(server: MailServer) -> None:
    server.banner_pause = 5


def slow_in_every_byte(server: MailServer) -> None:
    server.byte_pause = 0.5


@pytest.mark.parametrize("slow", [slow_to_greet, slow_in_every_byte])
async def test_it_can_be_slower_than_anybody_waits(slow: object) -> None:
    async with mail_server() as server:
        assert callable(slow)
        slow(server)
        with pytest.raises((SMTPTimeoutError, asyncio.TimeoutError)):
            await sent(server.port, timeout=0.2)


async def test_as_a_program_it_keeps_a_journal(tmp_path: Path) -> None:
    scripts = {"bo@lund.example": ["lose", "550"]}
    async with a_mail_program(tmp_path, scripts, otherwise="250") as server:
        assert await sent(server.port) == 250
        with pytest.raises((SMTPException, ConnectionResetError)):
            await sent(server.port, "bo@lund.example")
        assert await sent(server.port, "bo@lund.example") == 550
        first, second = server.delivered()
        assert (first.recipient, second.recipient) == (ANNA, "bo@lund.example")
        assert first.message_id == second.message_id == "<1@samband.example>"
        assert first.body == second.body
        assert first.at <= second.at
