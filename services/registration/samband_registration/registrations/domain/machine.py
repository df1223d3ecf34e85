"""Interest registrations: the states, and who may bring which one about.

Pure: `decide(registration, command, now)` returns the registration as it
becomes and the events that say so, or refuses and names what is allowed.
Counterpart and theme may stay undecided in every state. Nothing leads to
`waitlisted` as long as calls have no limit on their places.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID

from samband_contracts.registrations import (
    RegistrationAccepted,
    RegistrationDeclined,
    RegistrationEvent,
    RegistrationExpired,
    RegistrationFlagged,
    RegistrationMerged,
    RegistrationOpened,
    RegistrationReceived,
    RegistrationSubmitted,
    RegistrationWithdrawn,
)
from samband_contracts.values import Organisation, Undecided
from samband_kit.errors import Gone, Invalid, NotFound, TransitionRefused

TIME_TO_CONFIRM: Final = timedelta(hours=72)
UNDECIDED: Final[Undecided] = "undecided"


class State(StrEnum):
    """Where a registration stands."""

    DRAFT = "draft"
    UNVERIFIED = "unverified"
    IN_REVIEW = "in_review"
    SUBMITTED = "submitted"
    IN_DIALOGUE = "in_dialogue"
    WAITLISTED = "waitlisted"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    MERGED = "merged"


ALLOWED: Final[Mapping[State, tuple[str, ...]]] = MappingProxyType(
    {
        State.DRAFT: ("submit",),
        State.UNVERIFIED: ("confirm", "expire", "withdraw"),
        State.IN_REVIEW: ("merge", "keep", "withdraw"),
        State.SUBMITTED: ("open", "withdraw"),
        State.IN_DIALOGUE: ("accept", "decline", "withdraw"),
        State.WAITLISTED: ("accept", "withdraw"),
        State.ACCEPTED: (),
        State.DECLINED: (),
        State.WITHDRAWN: (),
        State.EXPIRED: (),
        State.MERGED: (),
    }
)
OPEN: Final = frozenset(state for state, triggers in ALLOWED.items() if "withdraw" in triggers)
"""States that the sender may withdraw from."""
STANDING: Final = (OPEN | {State.ACCEPTED}) - {State.UNVERIFIED}
"""Confirmed and not ended: what a later registration may be a duplicate of."""


class RegistrationUnknown(NotFound):
    """There is no such registration."""


class ContactMissing(Invalid):
    """An e-mail address is needed, so that we can answer."""


class SenderNotHuman(Invalid):
    """We could not see that a person filled in the form. Please send it again."""


class ConfirmationLate(Gone):
    """The address was not confirmed in time, and the registration has been deleted."""


@dataclass(frozen=True, slots=True)
class Registration:
    """An organisation's interest in a call; `ended_at` where it ended without a place."""

    registration_id: UUID
    call_id: UUID
    reference: str
    organisation: Organisation
    counterpart: Organisation | Undecided
    theme: str
    contact_ids: tuple[UUID, ...] = ()
    state: State = State.DRAFT
    expires_at: datetime | None = None
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    duplicate_of: UUID | None = None
    merged_into: UUID | None = None

    @property
    def contact_id(self) -> UUID:
        """The person who sent it."""
        return self.contact_ids[0]

    @property
    def counterpart_id(self) -> UUID | Undecided:
        """The counterpart as other events refer to it."""
        return UNDECIDED if self.counterpart == UNDECIDED else self.counterpart.organisation_id


@dataclass(frozen=True, slots=True)
class Submit:
    """Somebody sends the form. Guards: an address was given, a person sent it."""

    contact_id: UUID | None
    human: bool
    time_to_confirm: timedelta = TIME_TO_CONFIRM


@dataclass(frozen=True, slots=True)
class Confirm:
    """The address is proven; `duplicate_of` is the registration it may repeat."""

    duplicate_of: UUID | None


@dataclass(frozen=True, slots=True)
class Merge:
    """The duplicate becomes a part of `into`."""

    into: UUID


@dataclass(frozen=True, slots=True)
class Keep:
    """It is no duplicate after all."""


@dataclass(frozen=True, slots=True)
class Open:
    """Staff begin the dialogue."""


@dataclass(frozen=True, slots=True)
class Accept:
    """The organisation has a place."""


@dataclass(frozen=True, slots=True)
class Decline:
    """There is no place for it."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Its sender takes it back."""


@dataclass(frozen=True, slots=True)
class Expire:
    """Nobody confirmed the address in time."""


Command: TypeAlias = Submit | Confirm | Merge | Keep | Open | Accept | Decline | Withdraw | Expire
Decision: TypeAlias = tuple[Registration, tuple[RegistrationEvent, ...]]


def trigger_of(command: Command) -> str:
    """The command's name, as the state machine and the audit trail write it."""
    return type(command).__name__.lower()


def decide(registration: Registration, command: Command, now: datetime) -> Decision:
    """What becomes of the registration; one transition, one event.

    Raises:
        TransitionRefused: the state does not allow the command.
        ContactMissing, SenderNotHuman: a guard of `Submit` failed.
        ConfirmationLate: `Confirm` came after the deadline.
    """
    match registration.state, command:
        case State.DRAFT, Submit():
            return _submit(registration, command, now)
        case State.UNVERIFIED, Confirm():
            return _confirm(registration, command, now)
        case State.UNVERIFIED, Expire() if registration.expires_at and (
            now >= registration.expires_at
        ):
            return replace(registration, state=State.EXPIRED, ended_at=now), (
                RegistrationExpired(**_ids(registration), contact_id=registration.contact_id),
            )
        case State.IN_REVIEW, Merge():
            return _merge(registration, command)
        case State.IN_REVIEW, Keep():
            return _submitted(registration)
        case State.SUBMITTED, Open():
            return replace(registration, state=State.IN_DIALOGUE), (
                RegistrationOpened(**_ids(registration)),
            )
        case ((State.IN_DIALOGUE | State.WAITLISTED), Accept()):
            return _accept(registration)
        case State.IN_DIALOGUE, Decline():
            return replace(registration, state=State.DECLINED, ended_at=now), (
                RegistrationDeclined(**_ids(registration), contact_ids=registration.contact_ids),
            )
        case state, Withdraw() if state in OPEN:
            return replace(registration, state=State.WITHDRAWN, ended_at=now), (
                RegistrationWithdrawn(**_ids(registration), contact_ids=registration.contact_ids),
            )
        case state, _:
            raise TransitionRefused(trigger_of(command), state, ALLOWED[state])


def _submit(registration: Registration, command: Submit, now: datetime) -> Decision:
    if command.contact_id is None:
        raise ContactMissing
    if not command.human:
        raise SenderNotHuman
    expires_at = now + command.time_to_confirm
    sent = replace(
        registration,
        state=State.UNVERIFIED,
        contact_ids=(command.contact_id,),
        expires_at=expires_at,
    )
    return sent, (
        RegistrationReceived(
            **_ids(sent),
            reference=sent.reference,
            organisation_id=sent.organisation.organisation_id,
            contact_id=command.contact_id,
            counterpart_id=sent.counterpart_id,
            theme=sent.theme,
            expires_at=expires_at,
        ),
    )


def _confirm(registration: Registration, command: Confirm, now: datetime) -> Decision:
    if registration.expires_at and now >= registration.expires_at:
        raise ConfirmationLate
    confirmed = replace(registration, confirmed_at=now)
    if command.duplicate_of is None:
        return _submitted(confirmed)
    flagged = replace(confirmed, state=State.IN_REVIEW, duplicate_of=command.duplicate_of)
    return flagged, (
        RegistrationFlagged(
            **_ids(flagged), contact_id=flagged.contact_id, duplicate_of=command.duplicate_of
        ),
    )


def _submitted(registration: Registration) -> Decision:
    return replace(registration, state=State.SUBMITTED), (
        RegistrationSubmitted(
            **_ids(registration),
            reference=registration.reference,
            organisation_id=registration.organisation.organisation_id,
            contact_id=registration.contact_id,
            counterpart_id=registration.counterpart_id,
            theme=registration.theme,
        ),
    )


def _merge(registration: Registration, command: Merge) -> Decision:
    return replace(registration, state=State.MERGED, merged_into=command.into), (
        RegistrationMerged(
            **_ids(registration),
            into=command.into,
            organisation_id=registration.organisation.organisation_id,
            contact_ids=registration.contact_ids,
        ),
    )


def _accept(registration: Registration) -> Decision:
    return replace(registration, state=State.ACCEPTED), (
        RegistrationAccepted(
            **_ids(registration),
            organisation=registration.organisation,
            contact_ids=registration.contact_ids,
            counterpart=registration.counterpart,
            theme=registration.theme,
        ),
    )


def _ids(registration: Registration) -> dict[str, UUID]:
    return {"registration_id": registration.registration_id, "call_id": registration.call_id}
