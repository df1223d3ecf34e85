"""What a process says about itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest
from samband_kit.database import open_pool
from samband_kit.health import Readiness, operations_app
from samband_kit.metrics import ConsumeMetrics, process_registry
from samband_kit.supervisor.http_server import HttpServer
from samband_kit.testing import admin_url, service_settings

from tests.kit.asking import get

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.settings import Settings
    from samband_kit.testing import Backing


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with service_settings(backing, "samband_kit") as settings:
        yield settings


async def test_ready_means_postgres_answers_and_the_schema_is_there(
    backing: Backing, config: Settings
) -> None:
    readiness = Readiness("samband_kit")
    assert await readiness.obstacle() == "Postgres has not been reached yet."
    pool = await open_pool(config)
    readiness.connected(config)
    assert await readiness.obstacle() is None
    admin = await asyncpg.connect(backing.postgres_url)
    name = admin_url(backing, config).rpartition("/")[2]
    await admin.execute(f"alter database {name} allow_connections false")
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
    )
    assert "Postgres does not answer" in str(await readiness.obstacle())
    await admin.execute(f"alter database {name} allow_connections true")
    await admin.close()
    assert await readiness.obstacle() is None
    readiness.stopping = True
    assert await readiness.obstacle() == "The process is stopping."
    await pool.close()


async def test_a_busy_pool_is_no_obstacle(config: Settings) -> None:
    pool = await open_pool(config, max_size=1)
    readiness = Readiness("samband_kit")
    readiness.connected(config)
    async with pool.acquire():
        assert [await readiness.obstacle() for _ in range(2)] == [None, None]
    await pool.close()


async def test_nobody_is_sent_to_pages_that_are_not_there_yet(config: Settings) -> None:
    readiness = Readiness("samband_kit")
    readiness.connected(config)
    app = operations_app(readiness, process_registry())
    server = HttpServer("ops", app, host="127.0.0.1", port=0, setting="X", stop_timeout=1)
    stop = asyncio.Event()
    serving = asyncio.create_task(server.run(stop))
    assert await get(f"{server.address}/readyz") == (503, "The process is starting.\n")
    readiness.started = True
    assert await get(f"{server.address}/readyz") == (200, "ready\n")
    stop.set()
    await serving


async def test_the_operations_port_answers_before_anything_else_is_there() -> None:
    registry = process_registry()
    ConsumeMetrics(registry).records.labels("samband.public.calls", "applied").inc(3)
    app = operations_app(Readiness("samband_kit"), registry)
    server = HttpServer("ops", app, host="127.0.0.1", port=0, setting="X", stop_timeout=1)
    stop = asyncio.Event()
    serving = asyncio.create_task(server.run(stop))
    assert await get(f"{server.address}/livez") == (200, "alive\n")
    assert (await get(f"{server.address}/readyz"))[0] == 503
    assert (await get(f"{server.address}/openapi.json"))[0] == 404
    assert '"asyncapi":"3.0.0"' in (await get(f"{server.address}/asyncapi.json"))[1]
    assert (await get(f"{server.address}/"))[0] == 404
    _, metrics = await get(f"{server.address}/metrics")
    line = 'samband_records_total{outcome="applied",topic="samband.public.calls"} 3.0'
    assert line in metrics
    stop.set()
    await serving
    assert (await get(f"{server.address}/livez"))[0] == 0
