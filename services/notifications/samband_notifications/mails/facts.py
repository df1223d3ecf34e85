"""Facts: what a mail tells, kept with the notification and without personal data."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from samband_contracts.values import Localised, MeetingForm, MeetingKind


class RegistrationFacts(BaseModel):
    """About an interest registration. `counterpart` is a name; None may mean undecided or not said."""

    model_config = ConfigDict(frozen=True)

    registration_id: UUID
    reference: str | None = None
    counterpart: str | None = None
    counterpart_undecided: bool = False
    expires_at: datetime | None = None


class MeetingFacts(BaseModel):
    """About a meeting. `revision` counts its changes from 0."""

    model_config = ConfigDict(frozen=True)

    meeting_id: UUID
    network_name: Localised
    kind: MeetingKind
    title: Localised
    agenda: Localised
    starts_at: datetime
    ends_at: datetime
    zone: str
    form: MeetingForm
    digital_link: str | None
    revision: int
    told_at: datetime
    """When the network said so: DTSTAMP, the same for every copy."""


Facts: TypeAlias = RegistrationFacts | MeetingFacts
