"""The sender's own pages: confirming the address, the status, joining, withdrawing.

They are reached by personal links. No link changes anything when it is opened:
mail scanners open links too, so every change is a button.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from samband_contracts.values import OrganisationKind
from samband_kit.errors import Conflict, FieldErrors, TransitionRefused
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import Ask, Form, read_form
from samband_kit.web.i18n import N_, _, language
from samband_kit.web.links import LinkExpired, Links
from samband_kit.web.pages import page, see_other
from samband_kit.web.sessions import public
from samband_kit.web.times import format_datetime

from samband_registration.calls import store as calls
from samband_registration.calls.domain import Call, CallUnknown
from samband_registration.registrations.domain.duplicates import JoinedEnded
from samband_registration.registrations.domain.machine import (
    OPEN,
    ConfirmationLate,
    Registration,
    RegistrationUnknown,
    State,
)
from samband_registration.registrations.handlers import sending
from samband_registration.registrations.pages.wording import (
    HAPPENED,
    JOINED_ENDED,
    NEXT,
    STATES,
    WISHES_TO_JOIN,
)
from samband_registration.registrations.store import rows
from samband_registration.settings import settings_of

router = APIRouter(dependencies=[public])
CONFIRM: Final = "confirm"
OWN: Final = "registration"
PERSONAL_LINK: Final = timedelta(days=180)
CHOOSE: Final = N_("Choose whether you join the other registration or keep your own.")


class MovedOn(Conflict):
    """The registration is now “{state}”, so this could not be done. Below is what happens next."""


class Choice(Form):
    """The answer to the offer to join."""

    choice: Annotated[Literal["join", "keep"], Ask(CHOOSE, CHOOSE)]


@router.get("/bekrafta/{token}")
async def confirm_address(request: Request, token: str) -> Response:
    """A button that confirms; what can be done, once that is done or too late."""
    try:
        found, call = await _found(request, CONFIRM, token)
    except LinkExpired as expired:
        return await _expired_link(request, expired.link.id)
    if found.state is State.EXPIRED:
        return await _too_late(request)
    return page(
        request,
        "registrations/confirm.html",
        registration=found,
        title=call.title.text(language()),
        token=token,
        confirmed=found.state is not State.UNVERIFIED,
        hours=settings_of(runtime_of(request)).confirm_hours,
    )


@router.post("/bekrafta/{token}")
async def confirm(request: Request, token: str) -> Response:
    """Confirm, and go on to the registration's own page. Again: the same."""
    try:
        link = Links(runtime_of(request).settings).verify(CONFIRM, token)
    except LinkExpired as expired:
        return await _expired_link(request, expired.link.id)
    try:
        confirmed = await sending.confirm(runtime_of(request).pool, link.id)
    except ConfirmationLate:
        return await _expired_link(request, link.id)
    own = Links(runtime_of(request).settings).sign(OWN, confirmed.registration_id, PERSONAL_LINK)
    if confirmed.state is State.IN_REVIEW and not await _answered(request, confirmed):
        return see_other(request, "offer_to_join", token=own)
    return see_other(request, "own_registration", token=own)


@router.get("/min-anmalan/{token}")
async def own_registration(request: Request, token: str) -> Response:
    """Where the registration stands, what happened, and what comes next."""
    return await _own(request, token)


@router.get("/min-anmalan/{token}/anslut")
async def offer_to_join(request: Request, token: str) -> Response:
    """The offer to join the organisation's first registration. Nobody is named."""
    found, call = await _found(request, OWN, token)
    if found.state is not State.IN_REVIEW:
        return see_other(request, "own_registration", token=token)
    return _offer(request, found, call, token, None)


@router.post("/min-anmalan/{token}/anslut")
async def join_or_keep(request: Request, token: str) -> Response:
    """Join the first registration, or keep this one for staff to look at."""
    found, call = await _found(request, OWN, token)
    pool = runtime_of(request).pool
    try:
        form = await read_form(request, Choice)
        if form.choice == "join":
            await sending.join(pool, found.registration_id)
        else:
            await sending.keep_own(pool, found.registration_id)
    except (FieldErrors, JoinedEnded) as refused:
        return _offer(request, found, call, token, refused)
    except TransitionRefused:
        return await _own(request, token, moved_on=True)
    return see_other(request, "own_registration", token=token)


@router.get("/min-anmalan/{token}/aterkalla")
async def ask_to_withdraw(request: Request, token: str) -> Response:
    """What withdrawing means, and the button for it."""
    found, call = await _found(request, OWN, token)
    if found.state not in OPEN:
        return see_other(request, "own_registration", token=token)
    return page(
        request,
        "registrations/withdraw.html",
        registration=found,
        title=call.title.text(language()),
        token=token,
        days=settings_of(runtime_of(request)).keep_ended_days,
    )


@router.post("/min-anmalan/{token}/aterkalla")
async def withdraw(request: Request, token: str) -> Response:
    """Withdraw. Again: the same."""
    found, _call = await _found(request, OWN, token)
    try:
        await sending.withdraw(runtime_of(request).pool, found.registration_id)
    except TransitionRefused:
        return await _own(request, token, moved_on=True)
    return see_other(request, "own_registration", token=token)


def _offer(
    request: Request,
    found: Registration,
    call: Call,
    token: str,
    refused: FieldErrors | Conflict | None,
) -> Response:
    return page(
        request,
        "registrations/offer.html",
        refused=refused,
        municipality=found.organisation.kind is OrganisationKind.MUNICIPALITY,
        title=call.title.text(language()),
        token=token,
    )


async def _own(request: Request, token: str, *, moved_on: bool = False) -> Response:
    found, call = await _found(request, OWN, token)
    async with runtime_of(request).pool.acquire() as conn:
        history = await rows.history(conn, found.registration_id)
        wish = await rows.wish(conn, found.registration_id)
        joined = await rows.joined(conn, found)
    next_step = NEXT[found.state]
    if found.state is State.IN_REVIEW and wish == "join":
        next_step = WISHES_TO_JOIN
    elif joined is not None:
        next_step = JOINED_ENDED.get(joined.state, next_step)
    return page(
        request,
        "registrations/own.html",
        refused=MovedOn(state=_(STATES[found.state][0])) if moved_on else None,
        registration=found,
        title=call.title.text(language()),
        token=token,
        state=STATES[found.state],
        joined_state=None if joined is None else STATES[joined.state],
        history=[(format_datetime(entry.at), _(HAPPENED[entry.action])) for entry in history],
        next_step=next_step,
        may_join=found.state is State.IN_REVIEW and wish is None,
        may_withdraw=found.state in OPEN,
    )


async def _expired_link(request: Request, registration_id: UUID) -> Response:
    """What became of the registration; its page opens by a link that still works."""
    async with runtime_of(request).pool.acquire() as conn:
        found = await rows.registration(conn, registration_id)
    if found is None or found.state is State.EXPIRED:
        return await _too_late(request)
    if found.state is State.UNVERIFIED:
        return await _too_late(request, going=True)
    return page(request, "registrations/confirm.html", token=None, confirmed=True)


async def _too_late(request: Request, *, going: bool = False) -> Response:
    now = datetime.now(UTC)
    async with runtime_of(request).pool.acquire() as conn:
        open_calls = [call for call in await calls.calls(conn) if call.is_open(now)]
    return page(
        request,
        "registrations/too_late.html",
        status=410,
        calls=[(call.call_id, call.title.text(language())) for call in open_calls],
        hours=settings_of(runtime_of(request)).confirm_hours,
        going=going,
    )


async def _answered(request: Request, found: Registration) -> bool:
    async with runtime_of(request).pool.acquire() as conn:
        return await rows.wish(conn, found.registration_id) is not None


async def _found(
    request: Request, purpose: Literal["confirm", "registration"], token: str
) -> tuple[Registration, Call]:
    link = Links(runtime_of(request).settings).verify(purpose, token)
    return await _registration(request, link.id)


async def _registration(request: Request, registration_id: UUID) -> tuple[Registration, Call]:
    async with runtime_of(request).pool.acquire() as conn:
        found = await rows.registration(conn, registration_id)
        if found is None:
            raise RegistrationUnknown
        call = await calls.call(conn, found.call_id)
        if call is None:
            raise CallUnknown
    return found, call
