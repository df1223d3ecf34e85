"""A real SMTP server for tests that answers as a script says and remembers every mail.

    server.script("anna@lund.example", "451", "250")

The first attempt for that address gets the first answer, and so on; when the
script is over, and for everybody else, the answer is 250.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, Envelope, Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True)
class Mail:
    """A mail that the server has stored, whatever it answered."""

    recipient: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])


@dataclass
class MailServer:
    """What it has stored, and what it will answer.

    Answers: a code for the end of DATA; `rcpt <code>` for RCPT; `drop` hangs
    up at DATA, before any byte of the mail; `lose` stores the mail and hangs
    up instead of answering; `wait` stores it and answers when told to by `go`.
    """

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    sessions: int = 0
    waiting: int = 0
    pause: float = 0.0
    go: asyncio.Event = field(default_factory=asyncio.Event)
    _scripts: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))

    def script(self, address: str, *answers: str) -> None:
        """What the next attempts for this address get."""
        self._scripts[address].extend(answers)

    def to(self, address: str) -> list[Mail]:
        """The mails stored for an address."""
        return [mail for mail in self.mails if mail.recipient == address]

    def answer(self, address: str, *, at_rcpt: bool) -> str:
        """The next answer; `rcpt` ones are taken at RCPT alone."""
        script = self._scripts[address]
        if script and script[0].startswith("rcpt") == at_rcpt:
            return script.popleft().removeprefix("rcpt ")
        return "250"

    def peek(self, address: str) -> str:
        script = self._scripts[address]
        return script[0] if script else "250"


class _Protocol(SMTP):
    """aiosmtpd's server, able to hang up at the wrong moment."""

    def __init__(self, server: MailServer, **more: Any) -> None:
        self.server = server
        super().__init__(_Handler(server), enable_SMTPUTF8=False, **more)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the name that aiosmtpd looks for
        assert self.envelope is not None
        recipient = self.envelope.rcpt_tos[0]
        if self.server.peek(recipient) == "drop":
            self.server.answer(recipient, at_rcpt=False)
            _hang_up(self)
            return
        await super().smtp_DATA(arg)


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self.server = server

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd looks for
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        code = self.server.answer(address, at_rcpt=True)
        if code != "250":
            return f"{code} <{address}> said so"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: SMTP, _: Session, envelope: Envelope
    ) -> str:
        recipient = envelope.rcpt_tos[0]
        answer = self.server.answer(recipient, at_rcpt=False)
        if self.server.pause:
            await asyncio.sleep(self.server.pause)
        if answer in ("250", "lose", "wait"):
            assert isinstance(envelope.content, bytes)
            self.server.mails.append(Mail(recipient, envelope.content))
        if answer == "lose":
            _hang_up(server)
        if answer == "wait":
            self.server.waiting += 1
            await self.server.go.wait()
            answer = "250"
        return f"{answer} said by the script for <{recipient}>"


def _hang_up(protocol: SMTP) -> None:
    if isinstance(protocol.transport, asyncio.WriteTransport):
        protocol.transport.abort()


@asynccontextmanager
async def mail_server(port: int = 0, **more: Any) -> AsyncIterator[MailServer]:
    """A mail server on `port`, or on a free one; `more` goes to aiosmtpd's protocol."""
    state = MailServer()
    loop = asyncio.get_running_loop()
    protocols: list[_Protocol] = []

    def connected() -> _Protocol:
        state.sessions += 1
        protocols.append(_Protocol(state, **more))
        return protocols[-1]

    listening = await loop.create_server(connected, "127.0.0.1", port)
    state.port = listening.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        state.go.set()
        listening.close()
        for protocol in protocols:
            _hang_up(protocol)
        await listening.wait_closed()
        # The protocols end their own tasks when they hear that the connection is gone.
        await asyncio.sleep(0.01)
