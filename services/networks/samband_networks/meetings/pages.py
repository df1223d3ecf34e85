"""Pages about meetings: planning, the preview before publishing, moving, cancelling."""

from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from samband_contracts.values import Localised, MeetingForm, MeetingKind
from samband_kit.database import Pool
from samband_kit.errors import Refusal, TransitionRefused
from samband_kit.web.forms import Ask, Form, idempotency_key, read_form
from samband_kit.web.i18n import N_, _
from samband_kit.web.pages import page, see_other
from samband_kit.web.times import SWEDEN

from samband_networks.answers import Agenda, Clock, Day, RoomLink, Title, Zone
from samband_networks.clocks import when, zone_choices
from samband_networks.edge import Coordinator, led_network, now, pool_of, reading
from samband_networks.meetings import handlers, store
from samband_networks.meetings.domain import Plan, State, Times, Trigger, allowed, times
from samband_networks.memberships import store as memberships
from samband_networks.networks import store as networks
from samband_networks.networks.domain import MEETS, Actor, leads
from samband_networks.words import MEETING_FORMS, MEETING_KINDS, MEETING_STATES, meeting_words


class Command(Protocol):
    """A command about one meeting that needs nothing but the meeting."""

    async def __call__(
        self,
        pool: Pool,
        network_id: UUID,
        meeting_id: UUID,
        *,
        by: Actor,
        key: str,
        now: datetime,
    ) -> None: ...


router = APIRouter(prefix="/natverk/{network_id}/moten")

ASK_DAY = Ask(N_("Choose a date."))
ASK_START = Ask(N_("Write when the meeting starts."))
ASK_END = Ask(N_("Write when the meeting ends."))
ASK_ZONE = Ask(N_("Choose a time zone from the list."))


class Planned(Form):
    """Everything that a coordinator decides about a meeting."""

    kind: Annotated[MeetingKind, Ask(N_("Choose what kind of meeting it is."))]
    title_sv: Annotated[Title, Ask(N_("Write a title in Swedish."))]
    title_en: Annotated[Title, Ask(N_("Write a title in English."))]
    date: Annotated[Day, ASK_DAY]
    starts: Annotated[Clock, ASK_START]
    ends: Annotated[Clock, ASK_END]
    zone: Annotated[Zone, ASK_ZONE]
    form: Annotated[MeetingForm, Ask(N_("Choose how people meet."))]
    digital_link: RoomLink | None = None
    agenda_sv: Annotated[Agenda, Ask(N_("Write an agenda in Swedish."))]
    agenda_en: Annotated[Agenda, Ask(N_("Write an agenda in English."))]

    def plan(self) -> Plan:
        """The answers as a plan; FieldErrors for times that cannot be."""
        return Plan(
            kind=self.kind,
            title=Localised(sv=self.title_sv, en=self.title_en),
            agenda=Localised(sv=self.agenda_sv, en=self.agenda_en),
            times=times(self.date, self.starts, self.ends, self.zone),
            form=self.form,
            digital_link=self.digital_link,
        )


class Moved(Form):
    """When a meeting is instead, and where its digital room is."""

    date: Annotated[Day, ASK_DAY]
    starts: Annotated[Clock, ASK_START]
    ends: Annotated[Clock, ASK_END]
    zone: Annotated[Zone, ASK_ZONE]
    digital_link: RoomLink | None = None


@router.get("/nytt")
async def new_meeting(
    request: Request, network_id: UUID, by: Coordinator, sort: MeetingKind | None = None
) -> Response:
    """The form for a new meeting."""
    await led_network(request, network_id, by)
    return await _form(request, network_id, None, kind=sort)


@router.post("/nytt")
async def plan_meeting(
    request: Request, network_id: UUID, by: Coordinator, sort: MeetingKind | None = None
) -> Response:
    """Keep the draft and show it as members would see it."""
    pool = pool_of(request)
    await led_network(request, network_id, by)
    try:
        form = await read_form(request, Planned)
        meeting_id = await handlers.draft_meeting(
            pool, network_id, form.plan(), by=by, key=await idempotency_key(request), now=now()
        )
    except Refusal as refused:
        return await _form(request, network_id, None, kind=sort, refused=refused)
    return see_other(request, "show_meeting", network_id=network_id, meeting_id=meeting_id)


@router.get("/{meeting_id}")
async def show_meeting(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> Response:
    """A meeting; a draft as a preview of what publishing it leads to."""
    return await _show(request, network_id, meeting_id, by)


@router.get("/{meeting_id}/andra")
async def change_meeting(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> Response:
    """The form to change a draft, or to move what is published."""
    await led_network(request, network_id, by)
    return await _form(request, network_id, meeting_id)


@router.post("/{meeting_id}/andra")
async def keep_meeting(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> Response:
    """Keep the draft as it is now."""
    pool = pool_of(request)
    await led_network(request, network_id, by)
    try:
        form = await read_form(request, Planned)
        with meeting_words():
            await handlers.edit_draft(pool, network_id, meeting_id, form.plan(), by=by, now=now())
    except Refusal as refused:
        return await _form(request, network_id, meeting_id, refused=refused)
    return see_other(request, "show_meeting", network_id=network_id, meeting_id=meeting_id)


@router.post("/{meeting_id}/flytta")
async def move_meeting(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> Response:
    """Move a published meeting or change its link, and tell those invited."""
    pool = pool_of(request)
    await led_network(request, network_id, by)
    try:
        form = await read_form(request, Moved)
        with meeting_words():
            await handlers.reschedule(
                pool,
                network_id,
                meeting_id,
                times(form.date, form.starts, form.ends, form.zone),
                form.digital_link,
                by=by,
                key=await idempotency_key(request),
                now=now(),
            )
    except Refusal as refused:
        return await _form(request, network_id, meeting_id, refused=refused)
    return see_other(request, "show_meeting", network_id=network_id, meeting_id=meeting_id)


@router.post("/{meeting_id}/publicera")
async def publish_meeting(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> Response:
    """Publish: announce the meeting and invite the members."""
    return await _do(request, handlers.publish, network_id, meeting_id, by)


@router.post("/{meeting_id}/hallet")
async def record_held(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> Response:
    """Record that the meeting was held."""
    return await _do(request, handlers.hold, network_id, meeting_id, by)


@router.get("/{meeting_id}/stall-in")
async def ask_cancel_meeting(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> Response:
    """What cancelling leads to, and the button."""
    await led_network(request, network_id, by)
    return await _show(request, network_id, meeting_id, by, template="meetings/cancel.html")


@router.post("/{meeting_id}/stall-in")
async def cancel_meeting(
    request: Request, network_id: UUID, meeting_id: UUID, by: Coordinator
) -> Response:
    """Call the meeting off."""
    return await _do(request, handlers.cancel, network_id, meeting_id, by)


async def _do(
    request: Request, command: Command, network_id: UUID, meeting_id: UUID, by: Actor
) -> Response:
    key = await idempotency_key(request)
    try:
        with meeting_words():
            await command(pool_of(request), network_id, meeting_id, by=by, key=key, now=now())
    except Refusal as refused:
        return await _show(request, network_id, meeting_id, by, refused=refused)
    return see_other(request, "show_meeting", network_id=network_id, meeting_id=meeting_id)


async def _form(
    request: Request,
    network_id: UUID,
    meeting_id: UUID | None,
    *,
    kind: MeetingKind | None = None,
    refused: Refusal | None = None,
) -> Response:
    async with reading(request) as conn:
        network = await networks.find(conn, network_id)
        countries = await memberships.countries(conn, network_id)
        meeting = await store.find(conn, network_id, meeting_id) if meeting_id else None
    if meeting and not refused and not allowed(meeting.state):
        with meeting_words():
            raise TransitionRefused(Trigger.EDIT, meeting.state, ())
    at = meeting.plan.times if meeting else None
    return page(
        request,
        "meetings/form.html"
        if not meeting or meeting.state is State.DRAFT
        else "meetings/move.html",
        refused=refused,
        network=network,
        meeting=meeting,
        kind=kind,
        zones=zone_choices(countries, at.zone if at else SWEDEN),
        kinds=[(kind, _(word)) for kind, word in MEETING_KINDS.items()],
        forms=[(form, _(word)) for form, word in MEETING_FORMS.items()],
        at=_written(at) if at else None,
    )


async def _show(
    request: Request,
    network_id: UUID,
    meeting_id: UUID,
    by: Actor,
    *,
    template: str = "meetings/show.html",
    refused: Refusal | None = None,
) -> Response:
    async with reading(request) as conn:
        network = await networks.find(conn, network_id)
        meeting = await store.find(conn, network_id, meeting_id)
        invited = await memberships.active(conn, network_id)
    at = meeting.plan.times
    return page(
        request,
        template,
        refused=refused,
        network=network,
        meeting=meeting,
        plan=meeting.plan,
        state=MEETING_STATES[meeting.state],
        when=when(at.starts_at, at.ends_at, {member.organisation.country for member in invited}),
        kinds=MEETING_KINDS,
        forms=MEETING_FORMS,
        invited=invited,
        unreachable=[one for one in invited if not one.representatives],
        begun=at.starts_at <= now(),
        can_invite=network.state in MEETS,
        leads=leads(network, by),
    )


def _written(at: Times) -> dict[str, str]:
    """The times as the form's fields hold them."""
    zone = ZoneInfo(at.zone)
    starts, ends = at.starts_at.astimezone(zone), at.ends_at.astimezone(zone)
    return {
        "date": f"{starts:%Y-%m-%d}",
        "starts": f"{starts:%H:%M}",
        "ends": f"{ends:%H:%M}",
        "zone": at.zone,
    }
