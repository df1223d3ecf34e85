"""JSON API of a network's meetings.

Times are local: a date and clock times in a named zone, as people plan. Every
command but the change of a draft needs the header `Idempotency-Key`.
"""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from samband_contracts.values import Localised, MeetingForm, MeetingKind
from samband_kit.web.forms import idempotency_key

from samband_networks.answers import Agenda, Clock, Day, RoomLink, Title, Zone
from samband_networks.edge import Coordinator, now, pool_of, reading
from samband_networks.meetings import handlers, store
from samband_networks.meetings.domain import Meeting, Plan, State, Times, Trigger, allowed, times
from samband_networks.networks import store as networks

router = APIRouter(prefix="/api/networks/{network_id}/meetings", tags=["meetings"])


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TitleBody(_Closed):
    """A title in both languages."""

    sv: Title
    en: Title


class AgendaBody(_Closed):
    """An agenda in both languages."""

    sv: Agenda
    en: Agenda


class When(_Closed):
    """New times, and the digital room's link as it is from now on."""

    date: Day
    starts: Clock
    ends: Clock
    zone: Zone = "Europe/Stockholm"
    digital_link: RoomLink | None = None

    def times(self) -> Times:
        """The times as moments; FieldErrors for times that cannot be."""
        return times(self.date, self.starts, self.ends, self.zone)


class PlanBody(When):
    """A meeting as it is planned."""

    kind: MeetingKind
    title: TitleBody
    agenda: AgendaBody
    form: MeetingForm

    def plan(self) -> Plan:
        """The body as a plan."""
        return Plan(
            kind=self.kind,
            title=Localised(sv=self.title.sv, en=self.title.en),
            agenda=Localised(sv=self.agenda.sv, en=self.agenda.en),
            times=self.times(),
            form=self.form,
            digital_link=self.digital_link,
        )


class MeetingView(BaseModel):
    """A meeting, and what can be done with it now."""

    meeting_id: UUID
    network_id: UUID
    kind: MeetingKind
    state: State
    title: Localised
    agenda: Localised
    starts_at: datetime
    ends_at: datetime
    zone: str
    form: MeetingForm
    digital_link: str | None
    revision: int
    allowed: tuple[Trigger, ...]


class Meetings(BaseModel):
    """All meetings of a network in order of time."""

    meetings: list[MeetingView]


@router.get("")
async def meetings_list(request: Request, network_id: UUID, _by: Coordinator) -> Meetings:
    """List the meetings of a network, drafts and cancelled ones included."""
    async with reading(request) as conn:
        await networks.find(conn, network_id)
        return Meetings(meetings=[_view(one) for one in await store.of_network(conn, network_id)])


@router.post("", status_code=201)
async def meetings_create(
    request: Request, response: Response, network_id: UUID, body: PlanBody, by: Coordinator
) -> MeetingView:
    """Plan a meeting; nobody is told until it is published."""
    key = await idempotency_key(request)
    meeting_id = await handlers.draft_meeting(
        pool_of(request), network_id, body.plan(), by=by, key=key, now=now()
    )
    response.headers["Location"] = f"/api/networks/{network_id}/meetings/{meeting_id}"
    return await _shown(request, network_id, meeting_id)


@router.get("/{meeting_id}")
async def meetings_show(
    request: Request, network_id: UUID, meeting_id: UUID, _by: Coordinator
) -> MeetingView:
    """Show one meeting."""
    return await _shown(request, network_id, meeting_id)


@router.put("/{meeting_id}")
async def meetings_edit(
    request: Request, network_id: UUID, meeting_id: UUID, body: PlanBody, by: Coordinator
) -> MeetingView:
    """Give a draft another plan."""
    await handlers.edit_draft(
        pool_of(request), network_id, meeting_id, body.plan(), by=by, now=now()
    )
    return await _shown(request, network_id, meeting_id)


@router.post("/{meeting_id}/publish")
async def meetings_publish(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> MeetingView:
    """Announce the meeting and invite the members."""
    key = await idempotency_key(request)
    await handlers.publish(pool_of(request), network_id, meeting_id, by=by, key=key, now=now())
    return await _shown(request, network_id, meeting_id)


@router.post("/{meeting_id}/reschedule")
async def meetings_reschedule(
    request: Request, network_id: UUID, meeting_id: UUID, body: When, by: Coordinator
) -> MeetingView:
    """Move the meeting or change its link, and tell those invited."""
    key = await idempotency_key(request)
    await handlers.reschedule(
        pool_of(request),
        network_id,
        meeting_id,
        body.times(),
        body.digital_link,
        by=by,
        key=key,
        now=now(),
    )
    return await _shown(request, network_id, meeting_id)


@router.post("/{meeting_id}/hold")
async def meetings_hold(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> MeetingView:
    """Record that the meeting was held."""
    key = await idempotency_key(request)
    await handlers.hold(pool_of(request), network_id, meeting_id, by=by, key=key, now=now())
    return await _shown(request, network_id, meeting_id)


@router.post("/{meeting_id}/cancel")
async def meetings_cancel(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> MeetingView:
    """Call the meeting off."""
    key = await idempotency_key(request)
    await handlers.cancel(pool_of(request), network_id, meeting_id, by=by, key=key, now=now())
    return await _shown(request, network_id, meeting_id)


async def _shown(request: Request, network_id: UUID, meeting_id: UUID) -> MeetingView:
    async with reading(request) as conn:
        return _view(await store.find(conn, network_id, meeting_id))


def _view(meeting: Meeting) -> MeetingView:
    plan = meeting.plan
    return MeetingView(
        meeting_id=meeting.meeting_id,
        network_id=meeting.network_id,
        kind=plan.kind,
        state=meeting.state,
        title=plan.title,
        agenda=plan.agenda,
        starts_at=plan.times.starts_at,
        ends_at=plan.times.ends_at,
        zone=plan.times.zone,
        form=plan.form,
        digital_link=plan.digital_link,
        revision=meeting.revision,
        allowed=allowed(meeting.state),
    )
