"""Meeting: planned in private, then published, moved, held or cancelled.

    draft --publish--> scheduled --reschedule--> scheduled --hold--> held
    scheduled --cancel--> cancelled

Nobody is told about a draft. From the moment it is published, every change is
two facts: what the public may know, and the invitation as it now stands, with
a revision that counts up from 0. The link to the digital room is in the
invitation alone. Pure: `now` is an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from samband_contracts.meetings import (
    InvitationEvent,
    InvitationIssued,
    InvitationRevised,
    InvitationWithdrawn,
    MeetingCancelled,
    MeetingEvent,
    MeetingHeld,
    MeetingRescheduled,
    MeetingScheduled,
)
from samband_contracts.values import Localised, MeetingForm, MeetingKind
from samband_kit.errors import Conflict, FieldErrors, NotFound, TransitionRefused

from samband_networks.networks.domain import ENDED, MEETS, Network

LONGEST_AHEAD = timedelta(days=5 * 365)


class State(StrEnum):
    """Where a meeting is in its life."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    HELD = "held"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """What can be done with a meeting; `edit` tells nobody and is no move."""

    EDIT = "edit"
    PUBLISH = "publish"
    RESCHEDULE = "reschedule"
    HOLD = "hold"
    CANCEL = "cancel"


_ALLOWED: Mapping[State, tuple[Trigger, ...]] = {
    State.DRAFT: (Trigger.EDIT, Trigger.PUBLISH),
    State.SCHEDULED: (Trigger.RESCHEDULE, Trigger.CANCEL, Trigger.HOLD),
    State.HELD: (),
    State.CANCELLED: (),
}


class MeetingUnknown(NotFound):
    """There is no such meeting in this network."""


class KickoffExists(Conflict):
    """The network already has a kickoff. Change that one, or cancel it first."""


class NotMeeting(Conflict):
    """The network invites to meetings when it has been announced, and not while it is paused or over."""


class MeetingBegun(Conflict):
    """The meeting has begun and can no longer be changed."""


class NotBegun(Conflict):
    """The meeting has not begun yet."""


@dataclass(frozen=True, slots=True)
class Times:
    """When a meeting is, and the zone in which that was said."""

    starts_at: datetime
    ends_at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a coordinator decides about a meeting."""

    kind: MeetingKind
    title: Localised
    agenda: Localised
    times: Times
    form: MeetingForm
    digital_link: str | None


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting of a network."""

    meeting_id: UUID
    network_id: UUID
    plan: Plan
    state: State = State.DRAFT
    revision: int = 0


Fact: TypeAlias = MeetingEvent | InvitationEvent
Move: TypeAlias = tuple[Meeting, tuple[Fact, ...]]


def allowed(state: State) -> tuple[Trigger, ...]:
    """What can be done with a meeting in `state`."""
    return _ALLOWED[state]


def times(day: date, starts: time, ends: time, zone: str) -> Times:
    """The times that a person wrote down, as moments.

    Raises FieldErrors (`starts`, `ends`) for an end that is not after the
    start and for clock times that the zone skips or has twice on that day.
    """
    wrong: dict[str, str] = {}
    moments: dict[str, datetime] = {}
    for field, clock in (("starts", starts), ("ends", ends)):
        local = datetime.combine(day, clock, ZoneInfo(zone))
        earlier, later = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
        if earlier == later:
            moments[field] = earlier
        elif earlier.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local.replace(tzinfo=None):
            wrong[field] = "The clocks go back then, so this time comes twice. Choose another."
        else:
            wrong[field] = "The clocks go forward then and skip this time. Choose another."
    if not wrong and moments["ends"] <= moments["starts"]:
        wrong["ends"] = "Choose an end that is later than the start."
    if wrong:
        raise FieldErrors(wrong)
    return Times(moments["starts"], moments["ends"], zone)


def check_plan(plan: Plan, now: datetime) -> None:
    """Refuse a plan in the past or far away, and a link that is missing or out of place."""
    wrong: dict[str, str] = {}
    if plan.times.starts_at <= now:
        wrong["date"] = "Choose a date and a start that lie ahead."
    elif plan.times.starts_at > now + LONGEST_AHEAD:
        wrong["date"] = "Choose a date within the next five years."
    if plan.form is MeetingForm.PHYSICAL and plan.digital_link:
        wrong["digital_link"] = "A meeting on site has no link. Choose another form or empty this."
    if plan.form is not MeetingForm.PHYSICAL and not plan.digital_link:
        wrong["digital_link"] = "Write the link to the digital room."
    if wrong:
        raise FieldErrors(wrong)


def draft(meeting_id: UUID, network: Network, plan: Plan, now: datetime) -> Meeting:
    """A new meeting that nobody is told about; a network that is over plans none."""
    if network.state in ENDED:
        raise NotMeeting
    check_plan(plan, now)
    return Meeting(meeting_id, network.network_id, plan)


def edit(meeting: Meeting, plan: Plan, now: datetime) -> Meeting:
    """The draft with another plan."""
    _check(meeting, Trigger.EDIT)
    check_plan(plan, now)
    return replace(meeting, plan=plan)


def publish(meeting: Meeting, network: Network, now: datetime) -> Move:
    """Announce the meeting and invite the network's members."""
    _check(meeting, Trigger.PUBLISH)
    check_plan(meeting.plan, now)
    if network.state not in MEETS:
        raise NotMeeting
    plan = meeting.plan
    scheduled = MeetingScheduled(
        meeting_id=meeting.meeting_id,
        network_id=meeting.network_id,
        kind=plan.kind,
        title=plan.title,
        starts_at=plan.times.starts_at,
        ends_at=plan.times.ends_at,
        zone=plan.times.zone,
        form=plan.form,
    )
    published = replace(meeting, state=State.SCHEDULED)
    return published, (scheduled, _invitation(InvitationIssued, published, network))


def reschedule(
    meeting: Meeting, network: Network, times: Times, digital_link: str | None, now: datetime
) -> Move:
    """Move the meeting, or give it another link; without a difference nothing happens.

    The public hears of other times only, those invited also of another link.
    """
    _check(meeting, Trigger.RESCHEDULE)
    _check_ahead(meeting, now)
    plan = replace(meeting.plan, times=times, digital_link=digital_link)
    check_plan(plan, now)
    if plan == meeting.plan:
        return meeting, ()
    moved = replace(meeting, plan=plan, revision=meeting.revision + 1)
    invitation = _invitation(InvitationRevised, moved, network)
    if times == meeting.plan.times:
        return moved, (invitation,)
    rescheduled = MeetingRescheduled(
        meeting_id=meeting.meeting_id,
        network_id=meeting.network_id,
        starts_at=times.starts_at,
        ends_at=times.ends_at,
        zone=times.zone,
    )
    return moved, (rescheduled, invitation)


def cancel(meeting: Meeting, network: Network, now: datetime) -> Move:
    """Call the meeting off and withdraw the invitation."""
    _check(meeting, Trigger.CANCEL)
    _check_ahead(meeting, now)
    cancelled = replace(meeting, state=State.CANCELLED, revision=meeting.revision + 1)
    fact = MeetingCancelled(meeting_id=meeting.meeting_id, network_id=meeting.network_id)
    return cancelled, (fact, _invitation(InvitationWithdrawn, cancelled, network))


def hold(meeting: Meeting, now: datetime) -> Move:
    """Record that the meeting has taken place; possible once it has begun."""
    _check(meeting, Trigger.HOLD)
    if now < meeting.plan.times.starts_at:
        raise NotBegun
    fact = MeetingHeld(meeting_id=meeting.meeting_id, network_id=meeting.network_id)
    return replace(meeting, state=State.HELD), (fact,)


def _check(meeting: Meeting, trigger: Trigger) -> None:
    if trigger not in _ALLOWED[meeting.state]:
        raise TransitionRefused(trigger, meeting.state, _ALLOWED[meeting.state])


def _check_ahead(meeting: Meeting, now: datetime) -> None:
    if meeting.plan.times.starts_at <= now:
        raise MeetingBegun


def _invitation(
    kind: type[InvitationIssued | InvitationRevised | InvitationWithdrawn],
    meeting: Meeting,
    network: Network,
) -> InvitationEvent:
    plan = meeting.plan
    return kind(
        meeting_id=meeting.meeting_id,
        network_id=meeting.network_id,
        network_name=network.name,
        kind=plan.kind,
        title=plan.title,
        agenda=plan.agenda,
        starts_at=plan.times.starts_at,
        ends_at=plan.times.ends_at,
        zone=plan.times.zone,
        form=plan.form,
        digital_link=plan.digital_link,
        revision=meeting.revision,
    )
