"""Organisations, as the register knows them. Public state."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from samband_contracts.event import Event
from samband_contracts.values import Code, Name, Organisation


class OrganisationDescribed(Event):
    """What is now known about an organisation; replaces what was known before."""

    TYPE: ClassVar[str] = "se.icld.organisation.described.v1"
    KEY: ClassVar[str] = "organisation_id"

    organisation: Organisation
    county_code: Code | None = None
    aliases: tuple[Name, ...] = ()

    @property
    def organisation_id(self) -> UUID:
        return self.organisation.organisation_id

    @property
    def summary(self) -> str:
        return f"Organisation described: {self.organisation.name} ({self.organisation.country})"
