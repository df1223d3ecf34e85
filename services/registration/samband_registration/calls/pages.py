"""Pages of calls: the start page for everybody, and where staff open a call."""

import zoneinfo
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AfterValidator
from samband_contracts.values import Localised, Role
from samband_kit.errors import FieldErrors
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import Ask, Form, idempotency_key, read_form
from samband_kit.web.i18n import N_, language
from samband_kit.web.pages import page, see_other
from samband_kit.web.sessions import public, require
from samband_kit.web.text import Line
from samband_kit.web.times import SWEDEN

from samband_registration.calls import handlers, store
from samband_registration.calls.domain import OpenCall
from samband_registration.clock import in_our_time, moment

router = APIRouter()
staff = Depends(require(Role.STAFF))
ZONES: Final = (SWEDEN, "Africa/Gaborone", "Africa/Johannesburg", "Africa/Lusaka", "UTC")
SKIPPED: Final = N_("The clocks skip this time. Choose another one.")
A_TIME: Final = N_("Write the day and the time, such as 2027-02-09 10:00.")


class CallForm(Form):
    """A call as staff write it; times are clock times in `zone`."""

    title_sv: Annotated[str, Line(150), Ask(N_("Write the title in Swedish."))]
    title_en: Annotated[str, Line(150), Ask(N_("Write the title in English."))]
    opens_at: Annotated[
        datetime, AfterValidator(in_our_time), Ask(N_("Write when the call opens."), A_TIME)
    ]
    closes_at: Annotated[
        datetime, AfterValidator(in_our_time), Ask(N_("Write when the call closes."), A_TIME)
    ]
    zone: Annotated[str, Line(64), Ask(N_("Choose a time zone."))]

    def command(self) -> OpenCall:
        """Raises FieldErrors for a zone or a time that does not exist."""
        if self.zone not in zoneinfo.available_timezones():
            raise FieldErrors({"zone": N_("Choose a time zone from the list.")})
        opens_at = moment(self.opens_at.replace(tzinfo=None), self.zone)
        closes_at = moment(self.closes_at.replace(tzinfo=None), self.zone)
        wrong = {"opens_at": opens_at, "closes_at": closes_at}
        if opens_at is None or closes_at is None:
            raise FieldErrors({name: SKIPPED for name, at in wrong.items() if at is None})
        return OpenCall(
            Localised(sv=self.title_sv, en=self.title_en), opens_at, closes_at, self.zone
        )


@router.get("/", dependencies=[public])
async def start(request: Request) -> Response:
    """What is open now, and what is to come."""
    now = datetime.now(UTC)
    async with runtime_of(request).pool.acquire() as conn:
        calls = [call for call in await store.calls(conn) if not call.is_over(now)]
    return page(
        request,
        "calls/start.html",
        open_calls=[(call, call.title.text(language())) for call in calls if call.is_open(now)],
        to_come=[(call, call.title.text(language())) for call in calls if not call.is_open(now)],
    )


@router.get("/handlaggning/utlysningar", dependencies=[staff])
async def list_calls(request: Request) -> Response:
    """Every call, and the form for a new one."""
    return await _calls(request)


@router.post("/handlaggning/utlysningar", dependencies=[staff])
async def open_call(request: Request) -> Response:
    """Open a call. The same form again opens no second one."""
    try:
        form = await read_form(request, CallForm)
        key = await idempotency_key(request)
        await handlers.open_call(runtime_of(request).pool, form.command(), key=key)
    except FieldErrors as refused:
        return await _calls(request, refused)
    return see_other(request, "list_calls")


async def _calls(request: Request, refused: FieldErrors | None = None) -> Response:
    now = datetime.now(UTC)
    async with runtime_of(request).pool.acquire() as conn:
        calls = await store.calls(conn)
    return page(
        request,
        "calls/staff.html",
        refused=refused,
        calls=[
            (call, call.title.text(language()), call.is_open(now), call.is_over(now))
            for call in calls
        ],
        zones=[(zone, zone) for zone in ZONES],
    )
