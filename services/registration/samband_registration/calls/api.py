"""JSON routes of calls: reading for everybody, opening for staff."""

import zoneinfo
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict
from samband_contracts.values import Localised, Role
from samband_kit.errors import FieldErrors
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import idempotency_key
from samband_kit.web.i18n import N_
from samband_kit.web.sessions import public, require
from samband_kit.web.text import Line

from samband_registration.calls import handlers, store
from samband_registration.calls.domain import Call, CallUnknown, OpenCall
from samband_registration.clock import in_our_time

router = APIRouter(prefix="/api/registration/calls")


class Title(BaseModel):
    """The title in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sv: Annotated[str, Line(150)]
    en: Annotated[str, Line(150)]


class NewCall(BaseModel):
    """A call to open; times with their offset, announced in `zone`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Title
    opens_at: Annotated[AwareDatetime, AfterValidator(in_our_time)]
    closes_at: Annotated[AwareDatetime, AfterValidator(in_our_time)]
    zone: Annotated[str, Line(64)]


class CallView(BaseModel):
    """A call as everybody sees it."""

    call_id: UUID
    title: Localised
    opens_at: datetime
    closes_at: datetime
    zone: str
    is_open: bool


@router.get("", dependencies=[public])
async def get_calls(request: Request) -> list[CallView]:
    """Every call, the one that closes last first."""
    async with runtime_of(request).pool.acquire() as conn:
        return [_view(call) for call in await store.calls(conn)]


@router.get("/{call_id}", dependencies=[public])
async def get_call(request: Request, call_id: UUID) -> CallView:
    """One call."""
    async with runtime_of(request).pool.acquire() as conn:
        found = await store.call(conn, call_id)
    if found is None:
        raise CallUnknown
    return _view(found)


@router.post("", status_code=201, dependencies=[Depends(require(Role.STAFF))])
async def post_call(request: Request, new: NewCall) -> CallView:
    """Open a call. Needs `Idempotency-Key`; the same key again gives the same call."""
    if new.zone not in zoneinfo.available_timezones():
        raise FieldErrors({"zone": N_("Choose a time zone from the list.")})
    command = OpenCall(
        Localised(sv=new.title.sv, en=new.title.en),
        new.opens_at.astimezone(UTC),
        new.closes_at.astimezone(UTC),
        new.zone,
    )
    key = await idempotency_key(request)
    return _view(await handlers.open_call(runtime_of(request).pool, command, key=key))


def _view(call: Call) -> CallView:
    return CallView(
        call_id=call.call_id,
        title=call.title,
        opens_at=call.opens_at,
        closes_at=call.closes_at,
        zone=call.zone,
        is_open=call.is_open(datetime.now(UTC)),
    )
