"""Ids: UUIDs of version 7, which sort by the time they were made."""

from hashlib import sha256
from uuid import UUID

from uuid_utils.compat import uuid7

_TIME = 6
"""Octets of an id that say when it was made."""


def new_id() -> UUID:
    """A new id. Ids from one process rise; across processes nearly so."""
    return uuid7()


def derived_id(of: UUID, name: str) -> UUID:
    """The id of what follows from something else: always the same, and of the same time."""
    digest = sha256(of.bytes + name.encode()).digest()
    octets = bytearray(of.bytes[:_TIME] + digest[: 16 - _TIME])
    # Version 8: made by a rule of one's own.
    octets[6] = octets[6] & 0x0F | 0x80
    octets[8] = octets[8] & 0x3F | 0x80
    return UUID(bytes=bytes(octets))
