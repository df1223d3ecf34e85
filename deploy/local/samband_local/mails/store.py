"""The mails on disk, and a list of them in memory.

A mail is one file: a line of JSON with its envelope and the headers that lists
show, then the message as it came. It gets its name when it is complete, so a
mail that was accepted is there, and one that was not is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from samband_kit.ids import new_id

_SUFFIX = ".mail"


class NoSuchMail(KeyError):
    """There is no such mail: it may have been deleted."""


@dataclass(frozen=True)
class Mail:
    """What lists show of a mail."""

    id: str
    received_at: str
    sender: str
    """Of the envelope, where bounces would go."""
    recipients: tuple[str, ...]
    """Of the envelope: who really gets it."""
    header_from: str
    header_to: str
    subject: str
    message_id: str
    size: int


@dataclass(frozen=True)
class Part:
    """A leaf of the message: a body, an attachment, an image."""

    number: int
    name: str
    content_type: str
    content_id: str | None
    is_attachment: bool
    content: bytes = field(repr=False)

    @property
    def text(self) -> str | None:
        """What a person can read; None for what is not text."""
        if not self.content_type.startswith("text/"):
            return None
        return self.content.decode(errors="replace")


class Mailbox:
    """All mails of one folder. One process at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._mails: dict[str, Mail] = {mail.id: mail for mail in _listed(folder)}

    def __len__(self) -> int:
        return len(self._mails)

    def receive(self, sender: str, recipients: tuple[str, ...], message: bytes) -> Mail:
        """Keep a mail; when this returns it is in its file."""
        headers = message_from_bytes(message, policy=policy.default)
        mail = Mail(
            id=str(new_id()),
            received_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            sender=sender,
            recipients=recipients,
            header_from=_header(headers, "From"),
            header_to=_header(headers, "To"),
            subject=_header(headers, "Subject"),
            message_id=_header(headers, "Message-ID"),
            size=len(message),
        )
        new = self._folder / f"{mail.id}.new"
        new.touch(mode=0o600)
        new.write_bytes(json.dumps(asdict(mail)).encode() + b"\n" + message)
        new.replace(self._folder / f"{mail.id}{_SUFFIX}")
        self._mails[mail.id] = mail
        return mail

    def find(
        self, *, to: str = "", subject: str = "", before: str = "", limit: int = 100
    ) -> list[Mail]:
        """Newest first; `to` a recipient, `subject` a part of it, `before` an id to go on from."""
        found = []
        for mail in reversed(self._mails.values()):
            if before and mail.id >= before:
                continue
            if to and to.casefold() not in (each.casefold() for each in mail.recipients):
                continue
            if subject and subject.casefold() not in mail.subject.casefold():
                continue
            found.append(mail)
            if len(found) == limit:
                break
        return found

    def get(self, mail_id: str) -> Mail:
        try:
            return self._mails[mail_id]
        except KeyError:
            raise NoSuchMail(mail_id) from None

    def raw(self, mail_id: str) -> bytes:
        """The message as it came."""
        content = (self._folder / f"{self.get(mail_id).id}{_SUFFIX}").read_bytes()
        return content.partition(b"\n")[2]

    def clear(self) -> None:
        """Delete all mails."""
        for mail_id in list(self._mails):
            (self._folder / f"{mail_id}{_SUFFIX}").unlink(missing_ok=True)
        self._mails.clear()


def headers_of(message: bytes) -> list[tuple[str, str]]:
    """All headers in order, decoded."""
    parsed = message_from_bytes(message, policy=policy.default)
    return [(name, _header_text(value)) for name, value in parsed.items()]


def parts_of(message: bytes) -> list[Part]:
    """The leaves of the message in order, decoded as far as they can be."""
    parsed = message_from_bytes(message, policy=policy.default)
    leaves = [part for part in parsed.walk() if not part.is_multipart()]
    return [_part(number, leaf) for number, leaf in enumerate(leaves)]


def body(parts: list[Part], content_type: str) -> str | None:
    """The first part of that type that is no attachment."""
    for part in parts:
        if part.content_type == content_type and not part.is_attachment:
            return part.text
    return None


def attachments(parts: list[Part]) -> list[Part]:
    """What is to be downloaded: everything but the bodies."""
    bodies = ("text/plain", "text/html")
    return [part for part in parts if part.is_attachment or part.content_type not in bodies]


def _part(number: int, leaf: Any) -> Part:
    content = leaf.get_payload(decode=True) or b""
    content_type = leaf.get_content_type()
    if content_type.startswith("text/"):
        try:
            content = content.decode(leaf.get_content_charset("utf-8")).encode()
        except (LookupError, UnicodeDecodeError):
            content = content.decode("latin-1").encode()
    disposition = leaf.get_content_disposition()
    identifier = leaf["Content-ID"]
    return Part(
        number=number,
        name=leaf.get_filename() or f"part-{number}",
        content_type=content_type,
        content_id=str(identifier).strip("<> ") if identifier else None,
        is_attachment=disposition == "attachment",
        content=content,
    )


def _listed(folder: Path) -> Iterator[Mail]:
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with path.open("rb") as file:
            entry = json.loads(file.readline())
        yield Mail(**entry | {"recipients": tuple(entry["recipients"])})


def _header(message: EmailMessage, name: str) -> str:
    return _header_text(message.get(name, ""))


def _header_text(value: object) -> str:
    # A broken header may carry bytes that no charset explains.
    return " ".join(str(value).encode("utf-8", "replace").decode().split())
