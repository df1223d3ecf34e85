"""Contact persons: who acts for an organisation, and how to reach them."""

from dataclasses import dataclass, replace
from uuid import UUID

from samband_contracts.contacts import ContactDescribed, ContactErased
from samband_contracts.values import Language
from samband_kit.errors import NotFound


class ContactUnknown(NotFound):
    """There is no such contact person."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A person who acts for an organisation."""

    contact_id: UUID
    organisation_id: UUID
    name: str
    email: str
    language: Language
    time_zone: str

    def described(self) -> ContactDescribed:
        """The event that tells notifications how to reach the person."""
        return ContactDescribed(
            contact_id=self.contact_id,
            organisation_id=self.organisation_id,
            name=self.name,
            email=self.email,
            language=self.language,
            time_zone=self.time_zone,
        )


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person asks to have corrected; None is left as it is."""

    name: str | None = None
    email: str | None = None
    language: Language | None = None


def corrected(contact: Contact, correction: Correction) -> Contact:
    """The contact person as it should have been written down."""
    return replace(
        contact,
        name=correction.name or contact.name,
        email=correction.email or contact.email,
        language=correction.language or contact.language,
    )


def erased(contact_id: UUID) -> ContactErased:
    """The tombstone: whoever knows the person forgets them."""
    return ContactErased(contact_id=contact_id)
