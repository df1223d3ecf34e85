"""Contact persons: the one place where personal data travels. Internal state.

Compacted, readable by notifications alone; `ContactErased` is a tombstone.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from samband_contracts.event import Event
from samband_contracts.values import Language, Name, ZoneName


class ContactDescribed(Event):
    """How a contact person may be reached; replaces what was known before."""

    TYPE: ClassVar[str] = "se.icld.contact.described.v1"
    KEY: ClassVar[str] = "contact_id"

    contact_id: UUID
    organisation_id: UUID
    name: Name
    email: Name
    language: Language
    time_zone: ZoneName


class ContactErased(Event):
    """Forget this person: the record has a key and no value."""

    TYPE: ClassVar[str] = "se.icld.contact.erased.v1"
    KEY: ClassVar[str] = "contact_id"
    TOMBSTONE: ClassVar[bool] = True

    contact_id: UUID


ContactEvent = ContactDescribed | ContactErased
