"""Values that several events share: names, languages, kinds, organisations."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

Language = Literal["sv", "en"]
Undecided = Literal["undecided"]
"""A real answer about partner or theme, not a missing one."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Prose = Annotated[str, StringConstraints(max_length=10_000)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""A short identifier from a list, such as a theme's code or a template's name."""
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2."""
ZoneName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+\-/]{1,64}$")]
"""An IANA time zone, such as `Europe/Stockholm`."""
Moment = AwareDatetime
"""A point in time with its offset; UTC on the wire."""


class Value(BaseModel):
    """Part of an event: frozen, and deaf to additions by newer senders."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Localised(Value):
    """The same text in both languages of the system."""

    sv: Prose
    en: Prose

    def text(self, language: Language) -> str:
        """The text in `language`."""
        return self.sv if language == "sv" else self.en


class OrganisationKind(StrEnum):
    """What a legal party is."""

    MUNICIPALITY = "municipality"
    REGION = "region"
    ASSOCIATION_OF_MUNICIPALITIES = "association_of_municipalities"
    JOINT_COMMITTEE = "joint_committee"
    FOREIGN_LOCAL_GOVERNMENT = "foreign_local_government"
    UNIVERSITY = "university"
    CIVIL_SOCIETY = "civil_society"


class Organisation(Value):
    """A legal party as events name it; `code` is official and Swedish only."""

    organisation_id: UUID
    name: Name
    kind: OrganisationKind
    country: Country
    code: Code | None = None


class Role(StrEnum):
    """What a signed-in person may be."""

    STAFF = "staff"
    COORDINATOR = "coordinator"
    CONTACT_PERSON = "contact_person"


class MeetingKind(StrEnum):
    """Why people meet."""

    KICKOFF = "kickoff"
    NETWORK_MEETING = "network_meeting"
    TRAINING = "training"


class MeetingForm(StrEnum):
    """Where people meet."""

    DIGITAL = "digital"
    PHYSICAL = "physical"
    HYBRID = "hybrid"


class Outcome(StrEnum):
    """How a delivery ended, or where it waits for a person."""

    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    HELD = "held"
    UNCERTAIN = "uncertain"
