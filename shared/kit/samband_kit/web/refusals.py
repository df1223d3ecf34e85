"""Refusals on their way out: the exception handlers of every app."""

import logging
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from samband_kit.correlation import correlated
from samband_kit.errors import FieldErrors, Refusal
from samband_kit.logs import get_logger
from samband_kit.web.context import visit_of, web_of
from samband_kit.web.headers import add_headers
from samband_kit.web.i18n import _
from samband_kit.web.kept import kept
from samband_kit.web.messages import sentence
from samband_kit.web.pages import page
from samband_kit.web.problems import (
    BY_STATUS,
    STATUSES,
    OurFault,
    PageMissing,
    advice_for,
    kind_of,
    message_of,
    status_of,
)

log = get_logger("samband.web")


def install(app: FastAPI, statuses: Mapping[type[Exception], int]) -> None:
    """Every exception gets its answer; `statuses` are the app's own besides the kit's."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    for kind in {**STATUSES, **statuses}:
        app.add_exception_handler(kind, _on_listed)
    app.add_exception_handler(Exception, _on_anything_else)
    # The server logs what passes the last resort once more, with the error's text.
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def answer(
    request: Request,
    refusal: Refusal,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The refusal as a page or as problem details, whichever the client reads."""
    status = status_of(request, refusal) if status is None else status
    visit = visit_of(request)
    visit.refusal = kind_of(refusal)
    response = (
        _problem(request, refusal, status)
        if _reads_json(request)
        else _page(request, refusal, status)
    )
    retry_after = refusal.facts.get("retry_after", 60 if status == 503 else None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Session"
    response.headers.update(headers or {})
    return response


def _page(request: Request, refusal: Refusal, status: int) -> Response:
    typed = kept(request, refusal)
    again = typed.advice if typed is not None else None
    return page(
        request,
        "problem.html",
        status=status,
        message=message_of(refusal),
        advice=_(again) if again is not None else advice_for(refusal, status),
        kept=typed,
        details=[_(message) for message in refusal.fields.values()],
        error_id=visit_of(request).correlation_id,
    )


def _problem(request: Request, refusal: Refusal, status: int) -> JSONResponse:
    general = BY_STATUS.get(status, type(refusal))()
    body: dict[str, Any] = {
        "type": f"urn:samband:problem:{kind_of(refusal)}",
        "title": message_of(general),
        "status": status,
        "detail": message_of(refusal),
        "instance": f"urn:uuid:{visit_of(request).correlation_id}",
    }
    if refusal.fields:
        body["errors"] = [
            {"field": name, "message": _(message)} for name, message in refusal.fields.items()
        ]
    return JSONResponse(body, status, media_type="application/problem+json")


def _reads_json(request: Request) -> bool:
    path = request.url.path
    if path == "/api" or path.startswith("/api/"):
        return True
    accepted = request.headers.get("accept", "")
    return "json" in accepted and "text/html" not in accepted


async def _on_refusal(request: Request, error: Exception) -> Response:
    return answer(request, cast("Refusal", error))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    raised = cast("HTTPException", error)
    refusal = BY_STATUS.get(raised.status_code, OurFault)()
    return answer(request, refusal, status=raised.status_code, headers=raised.headers)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    problems = cast("RequestValidationError", error).errors()
    # An address with a broken id names nothing, whoever looks for it.
    if any(problem["loc"][0] == "path" for problem in problems):
        return answer(request, PageMissing())
    return answer(request, FieldErrors({_field(one["loc"]): sentence(one) for one in problems}))


async def _on_listed(request: Request, error: Exception) -> Response:
    status = status_of(request, error)
    if status >= 500:
        _log(error)
    return answer(request, BY_STATUS.get(status, Refusal)(), status=status)


async def _on_anything_else(request: Request, error: Exception) -> Response:
    """The last resort: runs outside of all middleware, so it repeats what they would have done."""
    web, visit = web_of(request), visit_of(request)
    with correlated(visit.correlation_id), web.catalogues.speaking(visit.language):
        _log(error)
        response = answer(request, OurFault())
    add_headers(response.headers, visit, https=web.https)
    return response


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Exception in ASGI application")


def _field(loc: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in loc[1:])


def _log(error: Exception) -> None:
    """Kind and place of the error. Not its text: Postgres quotes the row that it refused."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    log.error(
        "request failed",
        error=f"{type(error).__module__}.{type(error).__qualname__}",
        at=[f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    )
