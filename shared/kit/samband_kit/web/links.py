"""Personal links: a signed token instead of a password or a row.

A token says purpose, opaque id, nonce and expiry, so whoever has the keys can
write a link and the owner can verify it; nothing rests in the database until
a single-use link is spent. Tokens never go into logs: the access log writes
route templates.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from samband_kit.database import Connection
from samband_kit.errors import Conflict, Gone, NotFound
from samband_kit.settings import Settings


class LinkInvalid(NotFound):
    """The link is not complete. Copy the whole address from the mail, or ask for a new one."""


class LinkExpired(Gone):
    """The link has expired. Ask for a new one."""


class LinkUsed(Gone):
    """The link has already been used."""


@dataclass(frozen=True)
class Link:
    """What a verified token says."""

    id: UUID
    nonce: str
    expires_at: datetime


class Links:
    """Signs with the first key, verifies with all."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def sign(self, purpose: str, id: UUID, lifetime: timedelta) -> str:  # noqa: A002 - the word of Link
        """A token for an address, 88 characters of `A-Za-z0-9_-.`; each call gives another one."""
        raise NotImplementedError

    def verify(self, purpose: str, token: str) -> Link:
        """Raises LinkInvalid (404) for anything not signed by us for `purpose`, LinkExpired (410) after its time."""
        raise NotImplementedError


async def spend_link(conn: Connection, link: Link) -> None:
    """Use up a single-use link, in the transaction of what it does.

    Raises LinkUsed. Of two at once one waits for the other and is refused if that one commits.
    """
    raise NotImplementedError
