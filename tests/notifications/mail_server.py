"""A real SMTP server for tests that answers as a script says and remembers every mail.

    server.script("anna@lund.example", "451", "250")

The first attempt for that address gets the first answer, and so on; when the
script is over, and for everybody else, the answer is 250 or what `otherwise`
says. Run as a program (`a_mail_program`) it shares neither processor time nor
fate with the test, and keeps its journal in a file.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import hashlib
import json
import sys
import time
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any, AnyStr

from aiosmtpd.smtp import SMTP, Envelope, Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from typing import TextIO


@dataclass(frozen=True)
class Delivered:
    """What the journal says about a mail that the server has stored."""

    message_id: str
    recipient: str
    body: str
    """Checksum of its text; the boundaries between the parts of a mail are never the same."""
    at: float


@dataclass(frozen=True)
class Mail:
    """A mail that the server has stored, whatever it answered."""

    recipient: str
    raw: bytes
    at: float = field(default_factory=time.time)

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def delivered(self) -> Delivered:
        message = self.message
        text = message.get_body(("plain",)) or message
        checksum = hashlib.sha256(str(text.get_content()).encode()).hexdigest()
        return Delivered(str(message["Message-ID"]), self.recipient, checksum, self.at)


@dataclass
class MailServer:
    """What it has stored, and what it will answer.

    Answers: a code for the end of DATA; `rcpt <code>` for RCPT; `drop` hangs
    up at DATA, before any byte of the mail; `cut` after its first line, before
    the final dot; `lose` stores the mail and hangs up instead of answering;
    `wait`, alone or before another answer, waits until told by `go`; `delay
    <seconds>` stores the mail and answers later.
    """

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    sessions: int = 0
    waiting: int = 0
    pause: float = 0.0
    """Seconds before the end of every DATA."""
    banner_pause: float = 0.0
    """Seconds before a connection is greeted."""
    byte_pause: float = 0.0
    """Seconds before each byte of every reply: a tarpit."""
    otherwise: str = "250"
    journal: TextIO | None = None
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
        next_one = self.peek(address)
        if next_one.startswith("rcpt") != at_rcpt:
            return "250"
        if self._scripts[address]:
            self._scripts[address].popleft()
        return next_one.removeprefix("rcpt ")

    def peek(self, address: str) -> str:
        script = self._scripts[address]
        return script[0] if script else self.otherwise

    def store(self, recipient: str, raw: bytes) -> None:
        """The mail is ours from now on, whatever the answer."""
        mail = Mail(recipient, raw)
        if self.journal is None:
            self.mails.append(mail)
        else:
            self.journal.write(json.dumps(asdict(mail.delivered)) + "\n")
            self.journal.flush()


class _Protocol(SMTP):
    """aiosmtpd's server, able to hang up at the wrong moment."""

    def __init__(self, server: MailServer, **more: Any) -> None:
        self.server = server
        super().__init__(_Handler(server), enable_SMTPUTF8=False, **more)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the name that aiosmtpd looks for
        assert self.envelope is not None
        recipient = self.envelope.rcpt_tos[0]
        if self.server.peek(recipient) not in ("drop", "cut"):
            await super().smtp_DATA(arg)
            return
        if self.server.answer(recipient, at_rcpt=False) == "cut":
            await self.push("354 go on")
            await self._reader.readline()
        _hang_up(self)

    async def _handle_client(self) -> None:
        await asyncio.sleep(self.server.banner_pause)
        await super()._handle_client()

    async def push(self, status: AnyStr) -> None:
        if not self.server.byte_pause:
            await super().push(status)
            return
        line = status if isinstance(status, bytes) else status.encode()
        for byte in line + b"\r\n":
            await asyncio.sleep(self.server.byte_pause)
            self._writer.write(bytes([byte]))


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
        waits = answer.startswith("wait")
        if waits:
            answer = answer.removeprefix("wait").strip() or "250"
        if answer in ("250", "lose") or answer.startswith("delay"):
            assert isinstance(envelope.content, bytes)
            self.server.store(recipient, envelope.content)
        if waits:
            self.server.waiting += 1
            await self.server.go.wait()
        if answer == "lose":
            _hang_up(server)
        if answer.startswith("delay"):
            await asyncio.sleep(float(answer.removeprefix("delay ")))
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


@dataclass(frozen=True)
class MailProgram:
    """A mail server in a process of its own."""

    port: int
    journal: Path

    def delivered(self) -> list[Delivered]:
        """What it has stored so far."""
        # A line that is just being written has no end yet.
        lines = self.journal.read_text().rpartition("\n")[0].splitlines()
        return [Delivered(**json.loads(line)) for line in lines]


@asynccontextmanager
async def a_mail_program(
    folder: Path, scripts: Mapping[str, Sequence[str]] | None = None, **given: Any
) -> AsyncIterator[MailProgram]:
    """Run the mail server as a program; `given` are fields of `MailServer`."""
    journal = folder / "mails.jsonl"
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            __name__,
            str(journal),
            json.dumps(scripts or {}),
            json.dumps(given),
        ),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield MailProgram(int(await process.stdout.readline()), journal)
    finally:
        process.kill()
        await process.wait()


async def _serve(
    journal: TextIO, scripts: Mapping[str, Sequence[str]], given: Mapping[str, Any]
) -> None:
    async with mail_server() as server:
        for address, answers in scripts.items():
            server.script(address, *answers)
        for name, value in given.items():
            setattr(server, name, value)
        server.journal = journal
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with Path(sys.argv[1]).open("a") as _journal:
        asyncio.run(_serve(_journal, *map(json.loads, sys.argv[2:])))
