"""Duplicates: when two registrations are one interest, and how they become one. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from samband_kit.errors import Conflict

from samband_registration.registrations.domain.machine import (
    STANDING,
    UNDECIDED,
    Registration,
    State,
)


class JoinedEnded(Conflict):
    """The registration that you would join has ended. Keep your own instead."""


def first_of_same(
    registration: Registration, others: Iterable[Registration]
) -> Registration | None:
    """The earliest confirmed registration that this one seems to repeat.

    Two registrations of one organisation in one call are the same interest,
    unless both have decided on a counterpart and on different ones.
    """
    same = [
        other
        for other in others
        if other.registration_id != registration.registration_id
        and other.call_id == registration.call_id
        and other.organisation == registration.organisation
        and other.state in STANDING
        and not (
            UNDECIDED not in (other.counterpart_id, registration.counterpart_id)
            and other.counterpart_id != registration.counterpart_id
        )
    ]
    return min(same, key=_confirmed, default=None)


def joins_at_once(first: Registration) -> bool:
    """Whether the sender of a duplicate joins `first` without anybody looking at it.

    Raises:
        JoinedEnded: there is nothing left to join.
    """
    if first.state not in STANDING:
        raise JoinedEnded
    return first.state is State.SUBMITTED


def absorb(into: Registration, merged: Registration) -> Registration:
    """`into` with the contact persons of the registration that joins it."""
    if into.state not in STANDING:
        raise JoinedEnded
    contact_ids = tuple(dict.fromkeys((*into.contact_ids, *merged.contact_ids)))
    return replace(into, contact_ids=contact_ids)


def _confirmed(registration: Registration) -> tuple[datetime, UUID]:
    never = datetime.max.replace(tzinfo=UTC)
    return registration.confirmed_at or never, registration.registration_id
