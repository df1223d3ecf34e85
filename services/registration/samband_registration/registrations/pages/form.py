"""The public form: one thing per page, then all answers to check, then a receipt.

Nothing is stored until the registration is sent: what was answered travels
along in the form itself, so every step can be changed without losing the
others.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from samband_kit.errors import FieldErrors, Invalid, Refusal, TooMany
from samband_kit.web.bodies import posted
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import answers, idempotency_key
from samband_kit.web.human import check_human
from samband_kit.web.i18n import language
from samband_kit.web.links import Links
from samband_kit.web.pages import page, see_other
from samband_kit.web.sessions import public

from samband_registration.calls import store as calls
from samband_registration.calls.domain import Call, CallUnknown
from samband_registration.countries import countries
from samband_registration.limits import ACTION, spend_attempt, terms
from samband_registration.organisations import store as organisations
from samband_registration.registrations.domain.machine import RegistrationUnknown
from samband_registration.registrations.handlers.sending import Interest, submit
from samband_registration.registrations.pages.answers import (
    AGAIN,
    FIELDS,
    Answers,
    Complete,
    Step,
    read_answers,
)
from samband_registration.registrations.store import rows
from samband_registration.registrations.store.themes import themes
from samband_registration.settings import settings_of

router = APIRouter(dependencies=[public])
Changeable: TypeAlias = Literal["organisation", "contact", "partnership"]
RECEIPT: Final = timedelta(days=7)


@router.get("/anmalan/{call_id}")
async def register_interest(request: Request, call_id: UUID) -> Response:
    """The first step, or what can be done while the call is not open."""
    call = await _call(request, call_id)
    if not call.is_open(datetime.now(UTC)):
        return _not_open(request, call)
    return await _step(request, call, "organisation")


@router.post("/anmalan/{call_id}")
async def answer_step(
    request: Request,
    call_id: UUID,
    after: Annotated[Step, Query()] = "organisation",
    show: Annotated[Changeable | None, Query()] = None,
) -> Response:
    """Take the answers of the step `after` and go on; or `show` a step again."""
    call = await _call(request, call_id)
    if not call.is_open(datetime.now(UTC)):
        return _not_open(request, call)
    if show is not None:
        return await _step(request, call, show)
    given = await read_answers(request)
    if (await answers(request)).get("organisation_id") == AGAIN:
        return await _step(request, call, "organisation")
    return await _go_on(request, call, given, after)


@router.post("/anmalan/{call_id}/granska")
async def check_answers(request: Request, call_id: UUID) -> Response:
    """All answers on one page, each with a way to change it."""
    call = await _call(request, call_id)
    if not call.is_open(datetime.now(UTC)):
        return _not_open(request, call)
    given = await read_answers(request)
    return await _go_on(request, call, given, given.first_open())


@router.post("/anmalan/{call_id}/skicka")
async def send_registration(request: Request, call_id: UUID) -> Response:
    """Send; sending again leads to the same registration's receipt."""
    call = await _call(request, call_id)
    if not call.is_open(datetime.now(UTC)):
        return _not_open(request, call)
    given = await read_answers(request)
    if given.complete is None:
        return await _go_on(request, call, given, given.first_open())
    try:
        form = check_human(request, ACTION, await posted(request))
        key = await idempotency_key(request)
        await spend_attempt(request)
        interest = _interest(call, given.complete)
        registration_id = await submit(
            runtime_of(request).pool,
            interest,
            key=key,
            human=True,
            terms=terms(request, interest.email),
            form=form,
        )
    except (Invalid, TooMany) as refused:
        return await _check(request, call, given.complete, refused)
    token = Links(runtime_of(request).settings).sign("receipt", registration_id, RECEIPT)
    return see_other(request, "receipt", token=token)


@router.get("/anmalan/mottagen/{token}")
async def receipt(request: Request, token: str) -> Response:
    """What was received, and what happens next. The same for every address."""
    link = Links(runtime_of(request).settings).verify("receipt", token)
    async with runtime_of(request).pool.acquire() as conn:
        found = await rows.registration(conn, link.id)
    if found is None:
        raise RegistrationUnknown
    return page(request, "registrations/receipt.html", registration=found)


async def _go_on(request: Request, call: Call, given: Answers, after: Step | None) -> Response:
    """Show what is wrong with the step just answered; else the first open one; else all."""
    if after is not None and given.wrong(after):
        return await _step(request, call, after, given, FieldErrors(given.wrong(after)))
    step = given.first_open()
    if step is not None or given.complete is None:
        return await _step(request, call, step or "organisation", given)
    return await _check(request, call, given.complete)


async def _step(
    request: Request,
    call: Call,
    step: Step,
    given: Answers | None = None,
    refused: Refusal | None = None,
) -> Response:
    settings = settings_of(runtime_of(request))
    context: dict[str, Any] = {}
    async with runtime_of(request).pool.acquire() as conn:
        if step == "organisation":
            context["names"] = await organisations.names(conn, country="SE")
        elif step == "which":
            offered = given.offered if given is not None else ()
            context["offered"] = [
                (one.organisation.organisation_id, one.organisation.name, one.county)
                for one in offered
            ]
        elif step == "partnership":
            country = countries(language())
            context["counterparts"] = [
                (one.organisation_id, f"{one.name} ({country.get(one.country, one.country)})")
                for one in await organisations.foreign(conn)
            ]
            context["themes"] = [
                (theme.theme, theme.label.text(language())) for theme in await themes(conn)
            ]
        else:
            context |= {"hours": settings.confirm_hours, "days": settings.keep_ended_days}
    shown = {*FIELDS[step], *(("organisation_id",) if step == "organisation" else ())}
    carried = {name: text for name, text in await _typed(request) if name not in shown}
    return _kept(
        page(
            request,
            f"registrations/step_{step}.html",
            refused=refused,
            call=call,
            title=call.title.text(language()),
            carried=carried,
            **context,
        )
    )


async def _check(
    request: Request, call: Call, complete: Complete, refused: Refusal | None = None
) -> Response:
    async with runtime_of(request).pool.acquire() as conn:
        labels = {theme.theme: theme.label.text(language()) for theme in await themes(conn)}
    return _kept(
        page(
            request,
            "registrations/check.html",
            refused=refused,
            call=call,
            title=call.title.text(language()),
            answers=complete,
            theme=labels.get(complete.form.theme),
            hours=settings_of(runtime_of(request)).confirm_hours,
            carried=dict(await _typed(request)),
        )
    )


def _kept(shown: Response) -> Response:
    # The page is the answer to a form. Only if this browser may keep it, its
    # button *back* shows the page again instead of a warning.
    shown.headers["Cache-Control"] = "private, no-cache"
    return shown


def _not_open(request: Request, call: Call) -> Response:
    over = call.is_over(datetime.now(UTC))
    return page(
        request,
        "registrations/not_open.html",
        status=410 if over else 200,
        call=call,
        title=call.title.text(language()),
        over=over,
    )


async def _typed(request: Request) -> list[tuple[str, str]]:
    return list((await answers(request)).items()) if request.method == "POST" else []


async def _call(request: Request, call_id: UUID) -> Call:
    async with runtime_of(request).pool.acquire() as conn:
        call = await calls.call(conn, call_id)
    if call is None:
        raise CallUnknown
    return call


def _interest(call: Call, complete: Complete) -> Interest:
    form = complete.form
    return Interest(
        call_id=call.call_id,
        organisation_id=complete.organisation.organisation_id,
        name=form.name,
        email=form.email,
        language=form.language,
        counterpart=form.counterpart,
        theme=form.theme,
        message=form.message,
    )
