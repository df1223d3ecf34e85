"""Context: what the kit knows about the app and about the running request.

`Web` is built once per app and hangs on `app.state.web`; a `Visit` is made by
the outermost middleware for each request and travels in the ASGI scope, so
that the middlewares, the handlers and the last-resort page see the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment
    from samband_contracts.values import Language
    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.types import Scope

    from samband_kit.service import Runtime
    from samband_kit.web.i18n import Catalogues
    from samband_kit.web.sessions import Session

VISIT = "samband.visit"


@dataclass(frozen=True)
class Web:
    """What all requests of one app share."""

    runtime: Runtime
    title: str
    catalogues: Catalogues
    templates: Environment
    statuses: Mapping[type[Exception], int]

    @property
    def https(self) -> bool:
        """Whether people reach us encrypted: then cookies and headers say so."""
        return self.runtime.settings.public_url.startswith("https://")


@dataclass
class Visit:
    """One request: who asks, in which language, and what the answer brings along."""

    correlation_id: UUID
    language: Language = "sv"
    session: Session | None = None
    form: FormData | None = None
    csrf_secret: str | None = None
    """The anonymous visitor's secret, once it is known or given."""
    refusal: str | None = None
    """The problem type that was answered, for the access log."""
    cookies: list[str] = field(default_factory=list)
    """Set-Cookie headers of the answer, whichever answer it becomes."""
    is_too_many: bool = False
    """Whether so many others are being served that this one had better come back."""


def web_of(request: Request) -> Web:
    """The app's shared parts."""
    return cast("Web", request.app.state.web)


def runtime_of(request: Request) -> Runtime:
    """The running service: settings, pool, metrics."""
    return web_of(request).runtime


def visit_of(request: Request) -> Visit:
    """This request's own."""
    return visit_in(request.scope)


def visit_in(scope: Scope) -> Visit:
    """The same, for ASGI code that has no request."""
    return cast("Visit", scope[VISIT])
