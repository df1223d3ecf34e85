"""Organisations in networks, which is public, and who acts for them, which is not."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from samband_contracts.event import Event
from samband_contracts.values import Organisation


class MembershipJoined(Event):
    """An organisation is an active member of a network."""

    TYPE: ClassVar[str] = "se.icld.membership.joined.v1"
    KEY: ClassVar[str] = "membership_id"

    membership_id: UUID
    network_id: UUID
    organisation: Organisation

    @property
    def summary(self) -> str:
        return f"Membership joined: {self.organisation.name} ({self.organisation.country})"


class MembershipLeft(Event):
    """An organisation is no longer a member of a network."""

    TYPE: ClassVar[str] = "se.icld.membership.left.v1"
    KEY: ClassVar[str] = "membership_id"

    membership_id: UUID
    network_id: UUID
    organisation_id: UUID


class RepresentativesDescribed(Event):
    """Who acts for a member now; replaces what was known before.

    Nobody (an empty tuple) does so for one that has left. Persons by opaque id.
    """

    TYPE: ClassVar[str] = "se.icld.representatives.described.v1"
    KEY: ClassVar[str] = "membership_id"

    membership_id: UUID
    network_id: UUID
    organisation_id: UUID
    contact_ids: tuple[UUID, ...]


MembershipEvent = MembershipJoined | MembershipLeft
