"""Meetings: what the public may know, and the invitation that members get.

The link to a digital room is in the invitation alone, which is internal.
"""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import StringConstraints

from samband_contracts.event import Event
from samband_contracts.values import Localised, MeetingForm, MeetingKind, Moment, ZoneName

RoomLink = Annotated[str, StringConstraints(pattern=r"^https://\S+$", max_length=2_000)]


class _MeetingEvent(Event):
    KEY: ClassVar[str] = "meeting_id"

    meeting_id: UUID
    network_id: UUID


class MeetingScheduled(_MeetingEvent):
    """A meeting will take place."""

    TYPE: ClassVar[str] = "se.icld.meeting.scheduled.v1"

    kind: MeetingKind
    title: Localised
    starts_at: Moment
    ends_at: Moment
    zone: ZoneName
    form: MeetingForm

    @property
    def summary(self) -> str:
        return f"Meeting scheduled: {self.title.en}, {self.starts_at:%Y-%m-%d %H:%M} UTC"


class MeetingRescheduled(_MeetingEvent):
    """The meeting has got other times."""

    TYPE: ClassVar[str] = "se.icld.meeting.rescheduled.v1"

    starts_at: Moment
    ends_at: Moment
    zone: ZoneName


class MeetingCancelled(_MeetingEvent):
    """The meeting will not take place."""

    TYPE: ClassVar[str] = "se.icld.meeting.cancelled.v1"


class MeetingHeld(_MeetingEvent):
    """The meeting has taken place."""

    TYPE: ClassVar[str] = "se.icld.meeting.held.v1"


MeetingEvent = MeetingScheduled | MeetingRescheduled | MeetingCancelled | MeetingHeld


class _Invitation(_MeetingEvent):
    network_name: Localised
    kind: MeetingKind
    title: Localised
    agenda: Localised
    starts_at: Moment
    ends_at: Moment
    zone: ZoneName
    form: MeetingForm
    digital_link: RoomLink | None = None
    revision: int
    """Counts the meeting's changes from 0: iCalendar's SEQUENCE."""


class InvitationIssued(_Invitation):
    """The network's members are invited to this meeting."""

    TYPE: ClassVar[str] = "se.icld.invitation.issued.v1"


class InvitationRevised(_Invitation):
    """What members were told has changed; this is the whole new invitation."""

    TYPE: ClassVar[str] = "se.icld.invitation.revised.v1"


class InvitationWithdrawn(_Invitation):
    """The meeting is cancelled; the invitation as it stood last."""

    TYPE: ClassVar[str] = "se.icld.invitation.withdrawn.v1"


InvitationEvent = InvitationIssued | InvitationRevised | InvitationWithdrawn
