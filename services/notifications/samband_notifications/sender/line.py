"""Line: one connection to the mail server, kept open for many mails.

It does each step of the conversation itself, because only so can it tell
what a broken connection means: before the message was under way nothing has
happened, after it nobody knows.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiosmtplib import SMTP, SMTPException, SMTPResponse, SMTPServerDisconnected
from samband_kit.failpoints import Failpoint, reach
from samband_kit.logs import get_logger

from samband_notifications.deliveries.domain.happenings import (
    Accepted,
    Happening,
    LostAfter,
    NotSent,
    Reason,
    Refused,
    RefusedForNow,
)

if TYPE_CHECKING:
    from aiosmtplib.protocol import SMTPProtocol

    from samband_notifications.settings import NotificationsSettings

log = get_logger(__name__)

_ADDRESS = re.compile(r"<?[^\s<>]+@[^\s<>]+>?")
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LONGEST_DETAIL = 300
_POLITE = 2.0
_OK = (250, 251)
_GO_AHEAD = 354
_CLOSING = 421
# Words about us and not about the recipient: a wrong password, a server that is not for us.
_OURS = (503, 530, 534, 535, 538)


class NoConnection(Exception):
    """The mail server cannot be reached, or does not want us as it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a mail, and what the server said without addresses."""

    happening: Happening
    detail: str | None = None


class Line:
    """Opens, sends, closes. One mail at a time."""

    def __init__(self, settings: NotificationsSettings) -> None:
        self._settings = settings
        _, address = settings.sender
        self._mail = b"MAIL FROM:<%s>\r\n" % address.encode()
        self._hostname = address.rpartition("@")[2]
        # The whole conversation about a mail ends well before its lease does.
        self.limit = min(settings.smtp_timeout, settings.send_lease / 2)
        self._client: SMTP | None = None
        self._protocol: SMTPProtocol | None = None
        self._needs_reset = False

    @property
    def is_open(self) -> bool:
        """False as soon as the server has hung up."""
        return self._protocol is not None and self._protocol.is_connected

    async def open(self) -> None:
        """Connect, with TLS if that is what the settings say: never without.

        Raises:
            NoConnection: why, in words for the log.
        """
        settings = self._settings
        password = settings.smtp_password
        client = SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            local_hostname=self._hostname,
            timeout=self.limit,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            username=settings.smtp_username,
            password=password.get_secret_value() if password else None,
        )
        try:
            await client.connect()
            await client.ehlo()
        except (SMTPException, OSError) as error:
            client.close()
            raise NoConnection(_clean(f"{type(error).__name__}: {error}")) from error
        self._client, self._protocol = client, client.protocol
        self._needs_reset = False

    async def send(self, address: str, message: bytes, *, until: float) -> Answer:
        """Hand over one message.

        `address` is a `mails.headers.mailbox`, `message` as DATA wants it,
        without the final dot. `until` is when, on the loop's clock, the right
        to begin DATA ends: a process that was frozen past it finds out here.
        """
        loop = asyncio.get_running_loop()
        under_way = False
        try:
            async with asyncio.timeout(self.limit):
                refusal = await self._announce(address)
                if refusal is not None:
                    return refusal
                await reach(Failpoint.SENDER_DATA)
                if loop.time() >= until:
                    self.hang_up()
                    return Answer(NotSent(_jitter(), Reason.WORKER_LOST))
                under_way = True
                protocol = self._say(message + b".\r\n")
                await reach(Failpoint.SENDER_SENT)
                reply = await protocol.read_response()
                await reach(Failpoint.SENDER_ANSWERED)
        except (SMTPException, OSError, TimeoutError) as error:
            self.hang_up()
            detail = _clean(f"{type(error).__name__}: {error}")
            return Answer(LostAfter() if under_way else NotSent(_jitter()), detail)
        except Exception as error:
            # Our mistake: it must cost neither the connection's task, which nobody would
            # begin again, nor the knowledge of how far this mail had come.
            log.exception("a conversation with the mail server failed")
            self.hang_up()
            detail = type(error).__name__
            return Answer(LostAfter() if under_way else NotSent(_jitter()), detail)
        if reply.code == _OK[0]:
            return Answer(Accepted())
        return self._refusal(reply, about_recipient=True)

    async def close(self) -> None:
        """Say goodbye, without waiting long for the answer."""
        client, self._protocol, self._client = self._client, None, None
        if client is None:
            return
        try:
            async with asyncio.timeout(_POLITE):
                await client.quit()
        except (SMTPException, OSError, TimeoutError):
            client.close()

    def hang_up(self) -> None:
        """Drop the connection: after a lost reply its next answer would be to another question."""
        if self._client is not None:
            self._client.close()
        self._client = self._protocol = None

    async def _announce(self, address: str) -> Answer | None:
        """Everything up to the server's go-ahead; the refusal if there is one."""
        if self._needs_reset:
            await self._ask(b"RSET\r\n")
        self._needs_reset = True
        reply = await self._ask(self._mail)
        if reply.code != _OK[0]:
            return self._refusal(reply, about_recipient=False)
        reply = await self._ask(b"RCPT TO:<%s>\r\n" % address.encode("ascii"))
        if reply.code not in _OK:
            return self._refusal(reply, about_recipient=True)
        reply = await self._ask(b"DATA\r\n")
        if reply.code != _GO_AHEAD:
            return self._refusal(reply, about_recipient=True)
        self._needs_reset = False
        return None

    def _refusal(self, reply: SMTPResponse, *, about_recipient: bool) -> Answer:
        """Never is believed only where it is about this mail; else nothing would be left to send."""
        detail = _clean(f"{reply.code} {reply.message}")
        if reply.code == _CLOSING or not 400 <= reply.code < 600:
            self.hang_up()
        if reply.code >= 500 and about_recipient and reply.code not in _OURS:
            return Answer(Refused(Reason.REFUSED), detail)
        return Answer(RefusedForNow(_jitter()), detail)

    async def _ask(self, words: bytes) -> SMTPResponse:
        return await self._say(words).read_response()

    def _say(self, words: bytes) -> SMTPProtocol:
        """Write, and return what the reply is read from.

        Nobody else uses this connection, so the reply that comes next is ours.
        """
        if self._protocol is None:
            raise SMTPServerDisconnected("not connected")
        self._protocol.write(words)
        return self._protocol


def _jitter() -> float:
    return secrets.randbelow(1000) / 1000


def _clean(said: str) -> str:
    """A server's words without control characters and without anybody's address."""
    return _ADDRESS.sub("<…>", _NOT_PRINTABLE.sub(" ", said))[:_LONGEST_DETAIL]
