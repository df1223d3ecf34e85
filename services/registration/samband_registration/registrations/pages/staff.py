"""Staff's pages: the list of registrations, one of them, and what staff answer."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from samband_contracts.values import Role
from samband_kit.errors import Conflict, Refusal, TransitionRefused
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import idempotency_key
from samband_kit.web.i18n import _, language
from samband_kit.web.pages import here_with, page, see_other
from samband_kit.web.problems import PageMissing
from samband_kit.web.sessions import Session, require
from samband_kit.web.times import format_datetime

from samband_registration.accounts import store as accounts
from samband_registration.calls import store as calls
from samband_registration.contacts import store as contacts
from samband_registration.registrations.domain.duplicates import JoinedEnded
from samband_registration.registrations.domain.machine import (
    ALLOWED,
    RegistrationUnknown,
)
from samband_registration.registrations.handlers import answering
from samband_registration.registrations.pages.wording import ACTORS, DONE, STATES
from samband_registration.registrations.store import rows
from samband_registration.registrations.store.listing import Filters, listing
from samband_registration.registrations.store.themes import themes

router = APIRouter(prefix="/handlaggning/anmalningar")
Staff = Annotated[Session, Depends(require(Role.STAFF))]


class MovedOn(Conflict):
    """The registration is now “{state}”, so this could not be done. The buttons show what can."""


@router.get("")
async def list_registrations(
    request: Request,
    session: Staff,
    state: str = "",
    call: str = "",
    q: str = "",
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    """The registrations, newest first, as the filters in the address say."""
    async with runtime_of(request).pool.acquire() as conn:
        known = await calls.calls(conn)
        filters = Filters(
            state=next((one for one in STATES if one == state), None),
            call_id=next((one.call_id for one in known if str(one.call_id) == call), None),
            text=q.strip(),
        )
        found = await listing(conn, filters, after=after, before=before)
        labels = {theme.theme: theme.label.text(language()) for theme in await themes(conn)}
    return page(
        request,
        "registrations/staff_list.html",
        found=found,
        filters=filters,
        states=STATES,
        state_choices=[(one.value, _(name)) for one, (name, _kind) in STATES.items()],
        call_choices=[(one.call_id, one.title.text(language())) for one in known],
        themes=labels,
        newer=found.newer and here_with(request, before=found.newer, after=None),
        older=found.older and here_with(request, after=found.older, before=None),
    )


@router.get("/{registration_id}")
async def registration(request: Request, registration_id: UUID, session: Staff) -> Response:
    """One registration: what was sent, what happened, what can be done now."""
    return await _detail(request, registration_id)


@router.post("/{registration_id}/{command}")
async def answer(request: Request, registration_id: UUID, command: str, session: Staff) -> Response:
    """Do what the button says. The same button again changes nothing."""
    if command not in answering.COMMANDS:
        raise PageMissing
    key = await idempotency_key(request)
    try:
        await answering.COMMANDS[command](
            runtime_of(request).pool, registration_id, account_id=session.subject, key=key
        )
    except TransitionRefused:
        return await _detail(request, registration_id, moved_on=True)
    except JoinedEnded as refused:
        return await _detail(request, registration_id, refused)
    return see_other(request, "registration", registration_id=registration_id)


async def _detail(
    request: Request,
    registration_id: UUID,
    refused: Refusal | None = None,
    *,
    moved_on: bool = False,
) -> Response:
    async with runtime_of(request).pool.acquire() as conn:
        found = await rows.registration(conn, registration_id)
        if found is None:
            raise RegistrationUnknown
        call = await calls.call(conn, found.call_id)
        history = await rows.history(conn, registration_id)
        staff = await accounts.names(
            conn, [entry.account_id for entry in history if entry.account_id]
        )
        others = [
            other
            for other_id in (found.duplicate_of, found.merged_into)
            if other_id and (other := await rows.registration(conn, other_id))
        ]
        context: dict[str, Any] = {
            "people": await contacts.contacts(conn, found.contact_ids),
            "message": await rows.message(conn, registration_id),
            "wish": await rows.wish(conn, registration_id),
            "theme": next(
                (
                    theme.label.text(language())
                    for theme in await themes(conn)
                    if theme.theme == found.theme
                ),
                None,
            ),
        }
    name, kind = STATES[found.state]
    return page(
        request,
        "registrations/staff_detail.html",
        refused=MovedOn(state=_(name)) if moved_on else refused,
        registration=found,
        title=call.title.text(language()) if call else "",
        state=(_(name), kind),
        buttons=[command for command in ALLOWED[found.state] if command in answering.COMMANDS],
        first=others[0] if others else None,
        history=[
            (
                format_datetime(entry.at),
                _(DONE[entry.action]),
                staff.get(entry.account_id) if entry.account_id else _(ACTORS[entry.actor]),
            )
            for entry in history
        ],
        **context,
    )
