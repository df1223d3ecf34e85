"""An outage of Postgres in the middle of a request, as its visitor sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from samband_kit import database
from samband_kit.service import Runtime, Service
from samband_kit.settings import Settings
from samband_kit.testing import service_settings
from samband_kit.web.app import web_app
from samband_kit.web.context import runtime_of
from samband_kit.web.sessions import public
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing

router = APIRouter()
FAULTS: dict[str, Exception] = {
    "closed": asyncpg.InterfaceError("connection is closed"),
    "broken": asyncpg.InternalClientError("unexpected message"),
    "no-route": OSError(113, "No route to host"),
    "deadlock": asyncpg.DeadlockDetectedError("deadlock"),
    "twice": asyncpg.UniqueViolationError("twice"),
    "too-long": asyncpg.StringDataRightTruncationError("too long"),
    "typo": asyncpg.UndefinedTableError("typo"),
    "file": FileNotFoundError("template"),
}


@router.get("/api/ended/{when}", dependencies=[public])
async def end_its_connection(request: Request, when: str) -> Response:
    """Postgres ends the request's connection, as a restart does."""
    runtime = runtime_of(request)
    async with database.transaction(runtime.pool) as conn:
        pid = await conn.fetchval("select pg_backend_pid()")
        if when == "during":
            await conn.execute("select pg_terminate_backend($1)", pid)
        else:
            await runtime.pool.execute("select pg_terminate_backend($1)", pid)
        if when == "between":
            await conn.execute("select 1")
    return PlainTextResponse("done")


@router.get("/api/fault/{name}", dependencies=[public])
async def fail(name: str) -> Response:
    raise FAULTS[name]


@pytest.fixture
async def client(backing: Backing) -> AsyncIterator[httpx.AsyncClient]:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings, max_size=3)
        service = Service("sample", "samband_kit", Settings, (), None)
        runtime = Runtime(service, settings, pool, CollectorRegistry())
        app = web_app(runtime, routers=[router], templates=[], title="Samband")
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=settings.public_url) as asking:
            yield asking
        await pool.close()


@pytest.mark.parametrize("when", ["during", "between", "at commit"])
async def test_a_connection_ended_by_postgres_is_unavailable_and_not_our_fault(
    client: httpx.AsyncClient, when: str
) -> None:
    for _ in range(3):
        answer = await client.get(f"/api/ended/{when}")
        assert (answer.status_code, answer.headers.get("retry-after")) == (503, "60"), answer.text


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("closed", 503),
        ("broken", 503),
        ("no-route", 503),
        ("deadlock", 503),
        ("twice", 500),
        ("too-long", 500),
        ("typo", 500),
        ("file", 500),
    ],
)
async def test_an_outage_is_told_from_a_fault_of_ours(
    client: httpx.AsyncClient, name: str, status: int
) -> None:
    assert (await client.get(f"/api/fault/{name}")).status_code == status
