"""Pages about deliveries: the list, one delivery with its history, and what staff can do."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from samband_contracts.values import Role
from samband_kit.errors import Refusal
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import Ask, Form, idempotency_key, read_form
from samband_kit.web.i18n import N_, _, language
from samband_kit.web.pages import page, see_other
from samband_kit.web.sessions import Session, require
from samband_kit.web.text import Line
from samband_kit.web.times import format_datetime

from samband_notifications.deliveries import handlers
from samband_notifications.deliveries.domain.happenings import GiveUp, QueueAgain
from samband_notifications.deliveries.domain.machine import DeliveryUnknown, State, possible_in
from samband_notifications.deliveries.store import listing
from samband_notifications.notifications.domain import TEMPLATES
from samband_notifications.words import MAILS, REASONS, STATES, WAITS_FOR_RECIPIENT

router = APIRouter(prefix="/utskick")

PAGE_SIZE = 30
Staff = Annotated[Session, Depends(require(Role.STAFF))]


class GivingUp(Form):
    """Why a mail shall not be sent."""

    note: Annotated[str, Line(200), Ask(N_("Write why it shall not be sent."))]


@router.get("")
async def list_deliveries(
    request: Request,
    _by: Staff,
    tillstand: Annotated[str, Query(max_length=20)] = "",
    mejl: Annotated[str, Query(max_length=40)] = "",
    efter: UUID | None = None,
) -> Response:
    """Deliveries, the newest first; a filter that does not exist shows all."""
    states = [State(tillstand)] if tillstand in list(State) else list(State)
    templates = [mejl] if mejl in TEMPLATES else list(TEMPLATES)
    async with runtime_of(request).pool.acquire() as conn:
        found = await listing.page(
            conn, states=states, templates=templates, after=efter, limit=PAGE_SIZE + 1
        )
        count = await listing.count(conn, states=states, templates=templates)
    listed = found[:PAGE_SIZE]
    return page(
        request,
        "deliveries/list.html",
        listed=[(one, _who(one), _why(one)) for one in listed],
        count=count,
        filtered=len(states) == 1 or len(templates) == 1,
        chosen_state=tillstand,
        chosen_mail=mejl,
        mails=MAILS,
        states=STATES,
        more=listed[-1].delivery_id if len(found) > PAGE_SIZE else None,
        is_later_page=efter is not None,
    )


@router.get("/{delivery_id}")
async def show_delivery(request: Request, delivery_id: UUID, _by: Staff) -> Response:
    """One delivery: where it stands, what happened, what can be done."""
    return await _shown(request, delivery_id)


@router.post("/{delivery_id}/skicka-igen")
async def send_again(request: Request, delivery_id: UUID, by: Staff) -> Response:
    """Put the delivery back into the queue."""
    key = await idempotency_key(request)
    await handlers.queue_again(runtime_of(request).pool, delivery_id, by=by.subject, key=key)
    return see_other(request, "show_delivery", delivery_id=delivery_id)


@router.post("/{delivery_id}/ge-upp")
async def do_not_send(request: Request, delivery_id: UUID, by: Staff) -> Response:
    """Let the delivery fail, with a reason."""
    try:
        form = await read_form(request, GivingUp)
        key = await idempotency_key(request)
        pool = runtime_of(request).pool
        await handlers.give_up(pool, delivery_id, by=by.subject, key=key, note=form.note)
    except Refusal as refused:
        return await _shown(request, delivery_id, refused)
    return see_other(request, "show_delivery", delivery_id=delivery_id)


async def _shown(request: Request, delivery_id: UUID, refused: Refusal | None = None) -> Response:
    async with runtime_of(request).pool.acquire() as conn:
        found = await listing.find(conn, delivery_id)
        steps = await listing.steps(conn, delivery_id)
    if found is None:
        raise DeliveryUnknown
    listed = found.listed
    can = possible_in(listed.state)
    return page(
        request,
        "deliveries/show.html",
        refused=refused,
        found=found,
        listed=listed,
        who=_who(listed),
        why=_why(listed),
        about=found.about_sv if language() == "sv" else found.about_en,
        mail=MAILS[listed.template],
        state=STATES[listed.state],
        history=_history(listed, steps),
        can_queue=QueueAgain in can,
        can_give_up=GiveUp in can,
    )


def _who(listed: listing.Listed) -> str:
    if listed.erased:
        return _("Erased person")
    if listed.name is None:
        return _("Not known yet")
    return f"{listed.name}, {listed.organisation}" if listed.organisation else listed.name


def _why(listed: listing.Listed) -> str | None:
    if listed.reason is not None:
        return _(REASONS[listed.reason])
    waits = listed.state is State.QUEUED and listed.due_at is None
    return _(WAITS_FOR_RECIPIENT) if waits else None


def _history(listed: listing.Listed, steps: list[listing.Step]) -> list[tuple[str, str, str]]:
    happened = [(format_datetime(listed.created_at), _("Written into the queue"), "")]
    for step in steps:
        words = [_(REASONS[step.reason]) if step.reason else "", step.note or "", step.detail or ""]
        text = _(STATES[step.state][0]).capitalize()
        happened.append((format_datetime(step.at), text, " ".join(filter(None, words))))
    if listed.state is State.SENT and listed.settled_at is not None:
        happened.append((format_datetime(listed.settled_at), _("Taken by the mail server"), ""))
    return happened
