"""JSON routes of registrations: sending for everybody, answering for staff."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict
from samband_contracts.values import Language, Localised, Organisation, Role, Undecided
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import idempotency_key
from samband_kit.web.human import check_human, form_token
from samband_kit.web.sessions import Session, public, require
from samband_kit.web.text import Email, Line, PersonName, Prose

from samband_registration.limits import ACTION, spend_attempt, terms
from samband_registration.registrations.domain.machine import (
    ALLOWED,
    Registration,
    RegistrationUnknown,
    State,
)
from samband_registration.registrations.handlers import answering
from samband_registration.registrations.handlers.sending import Interest, submit
from samband_registration.registrations.store import rows
from samband_registration.registrations.store.listing import PAGE, Filters, listing
from samband_registration.registrations.store.themes import themes

router = APIRouter(prefix="/api/registration")
Staff = Annotated[Session, Depends(require(Role.STAFF))]


class ThemeView(BaseModel):
    """A theme and its names."""

    theme: str
    label: Localised


class FormToken(BaseModel):
    """Proof of when the form was begun; send it along with the registration."""

    form_token: str


class NewRegistration(BaseModel):
    """An interest in a call. `form_token` must be some seconds old; `website` stays empty."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organisation_id: UUID
    name: PersonName
    email: Email
    language: Language
    counterpart: UUID | Undecided
    theme: Annotated[str, Line(64)]
    message: Annotated[str, Prose(2000)] | Literal[""] = ""
    form_token: str
    website: str = ""


class Received(BaseModel):
    """The receipt: what to name when asking about the registration."""

    reference: str


class RegistrationView(BaseModel):
    """A registration as staff see it in lists; no persons."""

    registration_id: UUID
    reference: str
    call_id: UUID
    organisation: Organisation
    counterpart: Organisation | Undecided
    theme: str
    state: State
    allowed: tuple[str, ...]
    duplicate_of: UUID | None
    merged_into: UUID | None


class RowView(BaseModel):
    """One line of the list."""

    registration_id: UUID
    reference: str
    state: State
    received_at: datetime
    organisation: str
    counterpart: str | None
    theme: str


class ListView(BaseModel):
    """One page of the list, newest first; `after` is the key of the next page."""

    count: int
    rows: tuple[RowView, ...]
    after: UUID | None


class Answered(BaseModel):
    """Where the registration stands after the command."""

    registration_id: UUID
    state: State


@router.get("/themes", dependencies=[public])
async def get_themes(request: Request) -> list[ThemeView]:
    """The themes that can be chosen."""
    async with runtime_of(request).pool.acquire() as conn:
        return [ThemeView(theme=one.theme, label=one.label) for one in await themes(conn)]


@router.get("/form-token", dependencies=[public])
async def get_form_token(request: Request) -> FormToken:
    """A token for one registration; valid for a day."""
    return FormToken(form_token=form_token(request, ACTION))


@router.post("/calls/{call_id}/registrations", status_code=202, dependencies=[public])
async def post_registration(request: Request, call_id: UUID, new: NewRegistration) -> Received:
    """Register interest; needs `Idempotency-Key`. The answer is the same for every address."""
    form = check_human(request, ACTION, {"form_token": new.form_token, "website": new.website})
    key = await idempotency_key(request)
    await spend_attempt(request)
    pool, given = runtime_of(request).pool, terms(request, new.email)
    interest = Interest(
        call_id=call_id,
        organisation_id=new.organisation_id,
        name=new.name,
        email=new.email,
        language=new.language,
        counterpart=new.counterpart,
        theme=new.theme,
        message=new.message,
    )
    registration_id = await submit(pool, interest, key=key, human=True, terms=given, form=form)
    return Received(reference=(await _read(request, registration_id)).reference)


@router.get("/registrations")
async def get_registrations(
    request: Request,
    session: Staff,
    state: State | None = None,
    call_id: UUID | None = None,
    q: Annotated[str, Query(max_length=200)] = "",
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = PAGE,
) -> ListView:
    """The registrations, newest first."""
    async with runtime_of(request).pool.acquire() as conn:
        found = await listing(conn, Filters(state, call_id, q), after=after, limit=limit)
    return ListView(
        count=found.count,
        rows=tuple(
            RowView(
                registration_id=row.registration_id,
                reference=row.reference,
                state=row.state,
                received_at=row.received_at,
                organisation=row.organisation,
                counterpart=row.counterpart,
                theme=row.theme,
            )
            for row in found.rows
        ),
        after=found.older,
    )


@router.get("/registrations/{registration_id}")
async def get_registration(
    request: Request, registration_id: UUID, session: Staff
) -> RegistrationView:
    """One registration, and what can be done with it now."""
    found = await _read(request, registration_id)
    return RegistrationView(
        registration_id=found.registration_id,
        reference=found.reference,
        call_id=found.call_id,
        organisation=found.organisation,
        counterpart=found.counterpart,
        theme=found.theme,
        state=found.state,
        allowed=tuple(name for name in ALLOWED[found.state] if name in answering.COMMANDS),
        duplicate_of=found.duplicate_of,
        merged_into=found.merged_into,
    )


@router.post("/registrations/{registration_id}/{command}")
async def post_answer(
    request: Request,
    registration_id: UUID,
    command: Literal["open", "accept", "decline", "merge", "keep"],
    session: Staff,
) -> Answered:
    """Answer a registration; needs `Idempotency-Key`."""
    key = await idempotency_key(request)
    state = await answering.COMMANDS[command](
        runtime_of(request).pool, registration_id, account_id=session.subject, key=key
    )
    return Answered(registration_id=registration_id, state=state)


async def _read(request: Request, registration_id: UUID) -> Registration:
    async with runtime_of(request).pool.acquire() as conn:
        found = await rows.registration(conn, registration_id)
    if found is None:
        raise RegistrationUnknown
    return found
