"""Interest registrations, from the form to the answer. Internal.

Persons are named by their contact id; counterpart and theme may be undecided
in every state.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from samband_contracts.event import Event
from samband_contracts.values import Code, Moment, Organisation, Undecided


class _RegistrationEvent(Event):
    KEY: ClassVar[str] = "registration_id"

    registration_id: UUID
    call_id: UUID


class RegistrationReceived(_RegistrationEvent):
    """The form was sent; its sender has until `expires_at` to confirm the address."""

    TYPE: ClassVar[str] = "se.icld.interest-registration.received.v1"

    reference: Code
    organisation_id: UUID
    contact_id: UUID
    counterpart_id: UUID | Undecided
    theme: Code | Undecided
    expires_at: Moment


class RegistrationFlagged(_RegistrationEvent):
    """Confirmed, but the same organisation seems to be registered already."""

    TYPE: ClassVar[str] = "se.icld.interest-registration.flagged.v1"

    contact_id: UUID
    duplicate_of: UUID


class RegistrationSubmitted(_RegistrationEvent):
    """Confirmed, and no duplicate (or kept as its own): it waits for an answer."""

    TYPE: ClassVar[str] = "se.icld.interest-registration.submitted.v1"

    reference: Code
    organisation_id: UUID
    contact_id: UUID
    counterpart_id: UUID | Undecided
    theme: Code | Undecided


class RegistrationMerged(_RegistrationEvent):
    """This duplicate is now part of `into`; its contact persons follow."""

    TYPE: ClassVar[str] = "se.icld.interest-registration.merged.v1"

    into: UUID
    organisation_id: UUID
    contact_ids: tuple[UUID, ...]


class RegistrationOpened(_RegistrationEvent):
    """Staff and the organisation are in dialogue about it."""

    TYPE: ClassVar[str] = "se.icld.interest-registration.opened.v1"


class RegistrationAccepted(_RegistrationEvent):
    """The organisation, and its counterpart where named, have a place."""

    TYPE: ClassVar[str] = "se.icld.interest-registration.accepted.v1"

    organisation: Organisation
    contact_ids: tuple[UUID, ...]
    counterpart: Organisation | Undecided
    theme: Code | Undecided

    @property
    def summary(self) -> str:
        return f"Interest registration accepted: {self.organisation.name}"


class RegistrationDeclined(_RegistrationEvent):
    """There is no place for it in this call."""

    TYPE: ClassVar[str] = "se.icld.interest-registration.declined.v1"

    contact_ids: tuple[UUID, ...]


class RegistrationWithdrawn(_RegistrationEvent):
    """Its sender has taken it back."""

    TYPE: ClassVar[str] = "se.icld.interest-registration.withdrawn.v1"

    contact_ids: tuple[UUID, ...]


class RegistrationExpired(_RegistrationEvent):
    """Nobody confirmed the address in time; its personal data are erased."""

    TYPE: ClassVar[str] = "se.icld.interest-registration.expired.v1"

    contact_id: UUID


RegistrationEvent = (
    RegistrationReceived
    | RegistrationFlagged
    | RegistrationSubmitted
    | RegistrationMerged
    | RegistrationOpened
    | RegistrationAccepted
    | RegistrationDeclined
    | RegistrationWithdrawn
    | RegistrationExpired
)
