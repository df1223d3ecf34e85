"""Personal links: a signed token instead of a password or a row.

A token says opaque id, nonce and expiry, and is signed for one purpose, so
whoever has the keys can write a link and the owner can verify it; nothing
rests in the database until a single-use link is spent. Tokens never go into
logs: the access log writes route templates.
"""

import secrets
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

from itsdangerous import BadData
from itsdangerous.encoding import base64_decode, base64_encode

from samband_kit.database import Connection
from samband_kit.errors import Gone, NotFound
from samband_kit.settings import Settings
from samband_kit.web.signing import signer

LAYOUT = struct.Struct(">16s12sQ")
"""Id, nonce, expiry in seconds since 1970."""


class LinkInvalid(NotFound):
    """The link is not complete."""

    advice = "Copy the whole address from the mail, or ask for a new link."


class LinkExpired(Gone):
    """The link has expired."""

    advice = "Ask for a new link, or begin again from the start page."

    def __init__(self, link: "Link") -> None:
        super().__init__()
        self.link = link
        """What the token said; it allows nothing any more."""


class LinkUsed(Gone):
    """The link has already been used."""

    advice = "What it was for is done. You can close this page."


@dataclass(frozen=True)
class Link:
    """What a verified token says."""

    id: UUID
    nonce: str
    expires_at: datetime


class Links:
    """Signs with the first key, verifies with all."""

    def __init__(self, settings: Settings) -> None:
        # To make a signer takes as long as to sign.
        self._signer = cache(lambda purpose: signer(settings, f"link.{purpose}"))

    def sign(self, purpose: str, id: UUID, lifetime: timedelta) -> str:  # noqa: A002 - as in Link
        """A token for an address, 92 characters of `A-Za-z0-9_-.`; each call gives another one."""
        expires_at = datetime.now(UTC) + lifetime
        said = LAYOUT.pack(id.bytes, secrets.token_bytes(12), int(expires_at.timestamp()))
        return self._signer(purpose).sign(base64_encode(said)).decode()

    def verify(self, purpose: str, token: str) -> Link:
        """What `token` says.

        Raises LinkInvalid (404) for anything that we did not sign for
        `purpose`, LinkExpired (410) after its time.
        """
        try:
            said = base64_decode(self._signer(purpose).unsign(token))
            identity, nonce, expiry = LAYOUT.unpack(said)
        except (BadData, struct.error, UnicodeEncodeError):
            raise LinkInvalid from None
        expires_at = datetime.fromtimestamp(expiry, UTC)
        link = Link(UUID(bytes=identity), nonce.hex(), expires_at)
        if expires_at <= datetime.now(UTC):
            raise LinkExpired(link)
        return link


async def spend_link(conn: Connection, link: Link) -> None:
    """Use up a single-use link, in the transaction of what it does.

    Raises LinkUsed. Of two at once one waits for the other, and is refused if
    that one commits.
    """
    spent = await conn.fetchval(
        """
        insert into spent_nonces (nonce, expires_at) values ($1, $2)
        on conflict (nonce) do nothing
        returning nonce
        """,
        link.nonce,
        link.expires_at,
    )
    if spent is None:
        raise LinkUsed
