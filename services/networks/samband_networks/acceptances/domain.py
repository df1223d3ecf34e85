"""Acceptance: a registration that has a place, as registration announced it."""

from dataclasses import dataclass
from uuid import UUID

from samband_contracts.registrations import RegistrationAccepted
from samband_contracts.values import Organisation


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who gets a place through one accepted registration."""

    registration_id: UUID
    call_id: UUID
    organisation: Organisation
    counterpart: Organisation | None
    contact_ids: tuple[UUID, ...]

    @property
    def parties(self) -> tuple[Organisation, ...]:
        """The organisation, and its counterpart where one is named."""
        if self.counterpart is None:
            return (self.organisation,)
        return (self.organisation, self.counterpart)


def acceptance(fact: RegistrationAccepted) -> Acceptance:
    """What the fact says, an undecided counterpart as None."""
    return Acceptance(
        registration_id=fact.registration_id,
        call_id=fact.call_id,
        organisation=fact.organisation,
        counterpart=None if fact.counterpart == "undecided" else fact.counterpart,
        contact_ids=fact.contact_ids,
    )


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A registration that was taken back after a network had taken it up."""

    registration_id: UUID
    network_id: UUID
    organisation_id: UUID
