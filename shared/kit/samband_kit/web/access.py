"""Access: correlation, the access log and the web's metrics.

Each request gets a correlation id of our own; a client's X-Request-ID is not
believed and not logged. The log names the route's template, never the path:
paths hold personal links. The same goes for the span, which begins a trace: a
client's traceparent is not believed either.
"""

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus

from fastapi.routing import iter_route_contexts
from prometheus_client import CollectorRegistry, Histogram
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samband_kit.correlation import correlated
from samband_kit.logs import get_logger
from samband_kit.tracing import Kind, Span, span
from samband_kit.web.context import VISIT, Visit

log = get_logger("samband.web")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def request_seconds(registry: CollectorRegistry) -> Histogram:
    """The metric of all requests; routes are templates, so there are few of them."""
    return Histogram(
        "samband_http_request_seconds",
        "Time from the request to the end of the answer.",
        ("method", "route", "status"),
        registry=registry,
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    )


class AccessLog:
    """Outermost middleware: opens the visit and its correlation, measures, logs."""

    def __init__(self, app: ASGIApp, *, seconds: Histogram) -> None:
        self.app = app
        self.seconds = seconds
        self.templates: dict[int, str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        static = scope["path"].startswith("/static/")
        with correlated(None) as correlation, _nothing() if static else _request() as traced:
            visit = Visit(correlation.correlation_id)
            scope[VISIT] = visit
            began = time.perf_counter()
            try:
                await self.app(scope, receive, send_noting)
            finally:
                took = time.perf_counter() - began
                method = scope["method"] if scope["method"] in METHODS else "other"
                route = self._template(scope)
                self.seconds.labels(method, route, str(status)).observe(took)
                _note(traced, method, route, status, visit)
                log.info(
                    "request",
                    method=method,
                    route=route,
                    status=status,
                    milliseconds=round(took * 1000, 1),
                    **({"problem": visit.refusal} if visit.refusal else {}),
                )

    def _template(self, scope: Scope) -> str:
        if self.templates is None:
            self.templates = _templates(scope["app"].routes)
        if scope["path"].startswith("/static/"):
            return "/static/{path}"
        return self.templates.get(id(scope.get("route")), "unknown")


def _request() -> AbstractContextManager[Span]:
    return span("request", Kind.SERVER)


def _nothing() -> AbstractContextManager[Span]:
    return nullcontext(Span())


def _note(span: Span, method: str, route: str, status: int, visit: Visit) -> None:
    span.rename(f"{method} {route}")
    span.note(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "samband.correlation_id": str(visit.correlation_id),
        }
    )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.failed(str(status))


def _templates(routes: Iterable[BaseRoute]) -> dict[int, str]:
    contexts = iter_route_contexts(list(routes))
    return {id(context.original_route): context.path_format or "unknown" for context in contexts}
