"""The mailbox as a process: SMTP and web side in one event loop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session

from samband_local.mails.pages import mailbox_app
from samband_local.mails.store import Mailbox

_LARGEST = 25 * 1024 * 1024


class Receiver:
    """Accepts every mail for everybody."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the name that aiosmtpd calls
        content = envelope.content or b""
        message = content.encode() if isinstance(content, str) else content
        mail = self._mailbox.receive(envelope.mail_from or "", tuple(envelope.rcpt_tos), message)
        return f"250 OK {mail.id}"


async def serve(folder: Path, *, smtp_port: int, http_port: int) -> None:
    """Run until SIGTERM or SIGINT. Raises OSError when a port is taken."""
    mailbox = Mailbox(folder)
    receiver = Receiver(mailbox)
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(
            receiver,
            data_size_limit=_LARGEST,
            enable_SMTPUTF8=True,
            hostname="mailbox.localhost",
            ident="Samband mailbox",
        ),
        "127.0.0.1",
        smtp_port,
    )
    web = uvicorn.Server(
        uvicorn.Config(
            mailbox_app(mailbox),
            host="127.0.0.1",
            port=http_port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
    )
    async with smtp:
        await web.serve()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="samband-mailbox", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    chosen = parser.parse_args()
    # uvicorn raises the signal again after its own clean stop: that is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    asyncio.run(serve(chosen.folder, smtp_port=chosen.smtp_port, http_port=chosen.http_port))


if __name__ == "__main__":
    main()
