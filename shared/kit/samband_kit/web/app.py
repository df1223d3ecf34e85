"""App: everything a service's web side has without asking.

Security headers, correlation, limits, languages, sessions, CSRF, errors,
static files, access log, metrics and the style page `/stil`. Descriptions of
the API live on the operators' port, not here.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from samband_contracts.values import Role
from starlette.requests import Request

from samband_kit.service import Runtime
from samband_kit.web import refusals, style_page
from samband_kit.web.access import AccessLog, request_seconds
from samband_kit.web.context import Web, visit_of
from samband_kit.web.csrf import check_csrf
from samband_kit.web.edge import BodyLimit, Crowd, HeadAsGet, ReadersLanguage
from samband_kit.web.headers import SecurityHeaders
from samband_kit.web.i18n import LANGUAGES, Catalogues, catalogues
from samband_kit.web.problems import Unavailable
from samband_kit.web.sessions import Rule, identify
from samband_kit.web.static import PREFIX, StaticFolder
from samband_kit.web.templating import environment
from samband_kit.web.times import format_datetime

MOST_AT_ONCE = 100
"""Requests under way in one process; ten times what its connections to Postgres can serve."""
MOST_BODIES = 500
"""Bodies on their way to one process: at most 32 MiB of memory."""
BODY_SECONDS = 30.0
"""How long a body may be on its way; a form from a slow telephone takes a few."""


def web_app(
    runtime: Runtime,
    *,
    routers: Sequence[APIRouter],
    templates: Sequence[str],
    title: str,
    problems: Mapping[type[Exception], int] | None = None,
) -> FastAPI:
    """Build the app of one service.

    `templates` are packages whose rooms have `templates/` (and whose
    `locale/sv.po` is read), usually the service's own. `problems` maps
    exceptions that are no Refusal to a status; a Refusal carries its own.
    The runtime is `request.app.state.runtime`, typed: `context.runtime_of`.
    """
    app = FastAPI(
        title=title,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # The redirect to a path without its slash would be built from the Host header.
        redirect_slashes=False,
        dependencies=[Depends(_first)],
        # FastAPI's own spans and logs hold paths, queries and what was typed.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    statuses = dict(problems or {})
    spoken = catalogues(*templates)
    _load_words(spoken)
    web = Web(runtime, title, spoken, environment(tuple(templates)), statuses)
    app.state.web, app.state.runtime = web, runtime
    refusals.install(app, statuses)
    # The last one added is the first one asked.
    app.add_middleware(HeadAsGet)
    app.add_middleware(ReadersLanguage, catalogues=spoken)
    app.add_middleware(Crowd, most=MOST_AT_ONCE)
    app.add_middleware(BodyLimit, most=MOST_BODIES, seconds=BODY_SECONDS)
    app.add_middleware(SecurityHeaders, https=web.https)
    app.add_middleware(AccessLog, seconds=request_seconds(runtime.registry))
    app.mount(PREFIX, StaticFolder(), name="static")
    for router in (*routers, style_page.router):
        app.include_router(router)
    return app


def unguarded(app: FastAPI) -> list[str]:
    """Routes without a rule, as "GET /path": the architecture test wants none."""
    return [route for route, rule in _rules(app) if rule is None]


def rules(app: FastAPI) -> dict[str, frozenset[Role] | None]:
    """Who may use each route that has a rule; None is everybody."""
    return {route: rule.roles for route, rule in _rules(app) if rule is not None}


def _load_words(spoken: Catalogues) -> None:
    # How days and zones are called: read from files by whoever is the first to write one.
    for language in LANGUAGES:
        with spoken.speaking(language):
            format_datetime(datetime.now(UTC), also="UTC")


async def _first(request: Request) -> None:
    """What happens before any rule and any handler."""
    if visit_of(request).is_too_many:
        raise Unavailable
    await identify(request)
    await check_csrf(request)


def _rules(app: FastAPI) -> Iterator[tuple[str, Rule | None]]:
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, APIRoute):
            continue
        rule = next(_found(context.dependant), None)
        for method in sorted(context.methods or ()):
            yield f"{method} {context.path}", rule


def _found(dependant: Dependant) -> Iterator[Rule]:
    for needed in dependant.dependencies:
        if isinstance(needed.call, Rule):
            yield needed.call
        yield from _found(needed)
