"""Health: what a process says about itself on its operations port.

`/livez` answers as long as the process can answer at all. `/readyz` answers
200 when the process can do its work: Postgres answers and the schema is
migrated. Kafka is not asked: pages and the outbox work without it, and
consumers wait for it. `/metrics` is for Prometheus.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from samband_contracts.documents import asyncapi
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from samband_kit import database, migrations
from samband_kit.outages import POSTGRES_AWAY

if TYPE_CHECKING:
    from fastapi import FastAPI
    from prometheus_client import CollectorRegistry
    from starlette.requests import Request

    from samband_kit.settings import Settings

_SECONDS = 2.0


class Readiness:
    """Whether this process can do its work, and why not."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._settings: Settings | None = None
        self._migrated = False
        self.started = False
        """Whether its parts are there: before, its pages could not be asked for."""
        self.stopping = False

    def connected(self, settings: Settings) -> None:
        """The pool is open; from now on Postgres is asked."""
        self._settings = settings

    async def obstacle(self) -> str | None:
        """What stands in the way, in a sentence; None when ready."""
        if self.stopping:
            return "The process is stopping."
        if self._settings is None:
            return "Postgres has not been reached yet."
        try:
            async with asyncio.timeout(_SECONDS):
                missing = await self._missing(self._settings)
        except POSTGRES_AWAY as error:
            return f"Postgres does not answer ({type(error).__name__})."
        if missing:
            return f"The schema is not migrated: {', '.join(missing)} is missing."
        self._migrated = True
        return None

    async def _missing(self, settings: Settings) -> list[str]:
        # A connection of its own: a busy pool is no obstacle.
        conn = await database.connect(settings)
        try:
            if not self._migrated:
                return await migrations.missing(conn, self._package)
            await conn.execute("select 1")
            return []
        finally:
            await conn.close(timeout=_SECONDS)


def operations_app(readiness: Readiness, registry: CollectorRegistry) -> Starlette:
    """The application on the operations port; `state.web`, once set, describes its API there."""

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        obstacle = await readiness.obstacle()
        if obstacle is None and readiness.started:
            return PlainTextResponse("ready\n")
        obstacle = obstacle or "The process is starting."
        return PlainTextResponse(f"{obstacle}\n", status_code=503)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def openapi(request: Request) -> Response:
        web: FastAPI | None = getattr(request.app.state, "web", None)
        if web is None:
            return PlainTextResponse("This process has no API.\n", status_code=404)
        return JSONResponse(web.openapi())

    async def events(_request: Request) -> Response:
        return JSONResponse(asyncapi())

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi),
            Route("/asyncapi.json", events),
        ]
    )
