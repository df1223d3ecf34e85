"""App: everything a service's web side has without asking.

Security headers, correlation, body limit, languages, sessions, CSRF, errors,
static files, access log, metrics and the style page `/stil`. API
descriptions live on the operators' port.
"""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, FastAPI

from samband_kit.service import Runtime


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
    The runtime is `request.app.state.runtime`.
    """
    raise NotImplementedError


def unguarded(app: FastAPI) -> list[str]:
    """Routes without a rule, as "GET /path": the architecture test wants none."""
    raise NotImplementedError
