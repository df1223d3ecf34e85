"""A service as real processes: start, stop, failure, readiness."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from samband_kit.ids import new_id
from samband_kit.testing import (
    Facts,
    admin_url,
    eventually,
)

from tests.kit.asking import get
from tests.kit.effects import joined, settings_with_effects

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.settings import Settings
    from samband_kit.testing import Backing

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with settings_with_effects(backing, port=free_port(), ops_port=free_port()) as settings:
        yield settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Started:
    """A process of the service, with what it has logged so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode())

    async def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        code = await asyncio.wait_for(self.process.wait(), 40)
        await self._reading
        return code

    def logged(self, event: str) -> dict[str, object] | None:
        for line in self.lines:
            if line.startswith("{") and json.loads(line)["event"] == event:
                found: dict[str, object] = json.loads(line)
                return found
        return None


@asynccontextmanager
async def started(settings: Settings, kind: str, **more: str) -> AsyncIterator[Started]:
    given = {
        f"SAMBAND_{name.upper()}": str(value)
        for name, value in settings.model_dump(mode="python").items()
        if value is not None
    }
    given["SAMBAND_DATABASE_URL"] = settings.database_url.get_secret_value()
    given["SAMBAND_SECRET_KEYS"] = settings.secret_keys.get_secret_value()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.kit.listening_service",
        kind,
        cwd=ROOT,
        env={**os.environ, **given, **more},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    one = Started(process)
    try:
        yield one
    finally:
        await one.end(signal.SIGKILL)


async def is_ready(settings: Settings) -> bool:
    return (await get(f"http://127.0.0.1:{settings.ops_port}/readyz"))[0] == 200


async def test_a_process_serves_consumes_and_ends_cleanly_on_sigterm(config: Settings) -> None:
    async with started(config, "run") as process:
        await eventually(lambda: is_ready(config), 30)
        conn = await asyncpg.connect(config.database_url.get_secret_value())
        await Facts(config).publish(joined(new_id()))
        await eventually(
            lambda: conn.fetchval("select count(*) from effects where key <> 'job'"), 30
        )
        await conn.close()
        status, metrics = await get(f"http://127.0.0.1:{config.ops_port}/metrics")
        assert status == 200
        assert 'samband_records_total{outcome="applied"' in metrics
        assert "faststream_received_messages_total" in metrics
        assert "process_resident_memory_bytes" in metrics
        assert 'samband_kind_active{kind="consume"} 1.0' in metrics
        assert (await get(f"http://127.0.0.1:{config.ops_port}/livez"))[0] == 200
        assert "/slow" in (await get(f"http://127.0.0.1:{config.ops_port}/openapi.json"))[1]
        assert (
            "samband.public.calls"
            in (await get(f"http://127.0.0.1:{config.ops_port}/asyncapi.json"))[1]
        )
        assert await process.end() == 0
        assert process.logged("stopped") is not None


async def test_a_request_that_has_begun_is_answered_before_the_end(config: Settings) -> None:
    async with started(config, "serve") as process:
        await eventually(lambda: is_ready(config), 30)
        asking = asyncio.create_task(get(f"http://127.0.0.1:{config.port}/slow?seconds=1"))
        await asyncio.sleep(0.3)
        assert await process.end() == 0
        assert await asking == (200, '"done"')


async def test_a_component_that_fails_ends_the_process_with_70(config: Settings) -> None:
    async with started(config, "run", SENDER="fails") as process:
        assert await asyncio.wait_for(process.process.wait(), 40) == 70
        await process.end()
        line = process.logged("a component failed")
        assert line is not None
        assert line["component"] == "sender"
        assert "the sender lost its way" in str(line["exception"])


async def test_a_component_that_does_not_stop_is_named_and_left(config: Settings) -> None:
    async with started(config, "send", SENDER="ignores", SAMBAND_STOP_TIMEOUT="1") as process:
        await eventually(lambda: is_ready(config), 30)
        assert await process.end() == 70
        line = process.logged("a component did not stop in time")
        assert line is not None
        assert line["component"] == "sender"


async def test_serving_needs_no_kafka_and_consuming_waits_for_it(config: Settings) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    async with started(config, "run", SAMBAND_KAFKA_SERVERS=nobody) as process:
        await eventually(lambda: is_ready(config), 30)
        assert (await get(f"http://127.0.0.1:{config.port}/slow?seconds=0"))[0] == 200
        await eventually(lambda: process.logged("Kafka cannot be read"), 30)
        assert await process.end() == 0


async def test_without_postgres_a_process_waits_and_says_so(config: Settings) -> None:
    nobody = f"postgresql://a:b@127.0.0.1:{free_port()}/c"
    async with started(config, "serve", SAMBAND_DATABASE_URL=nobody) as process:
        ready = f"http://127.0.0.1:{config.ops_port}/readyz"

        async def says_why() -> bool:
            return await get(ready) == (503, "Postgres has not been reached yet.\n")

        await eventually(says_why, 30)
        assert (await get(f"http://127.0.0.1:{config.ops_port}/livez"))[0] == 200
        assert await process.end() == 0


async def test_a_schema_that_is_not_migrated_is_waited_for(
    backing: Backing, config: Settings
) -> None:
    admin = await asyncpg.connect(admin_url(backing, config))
    await admin.execute("alter table samband_kit.schema_migrations rename to put_aside")
    async with started(config, "serve") as process:
        await eventually(lambda: process.logged("waiting"), 30)
        status, why = await get(f"http://127.0.0.1:{config.ops_port}/readyz")
        assert status == 503
        assert "samband_kit/0001_kit.sql" in why
        await admin.execute("alter table samband_kit.put_aside rename to schema_migrations")
        await eventually(lambda: is_ready(config), 30)
        assert await process.end() == 0
    await admin.close()


async def test_a_taken_port_is_one_clear_sentence(config: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", config.ops_port))
        taken.listen()
        async with started(config, "serve") as process:
            assert await asyncio.wait_for(process.process.wait(), 30) == 1
            await process.end()
            [line] = process.lines
            assert line.startswith(f"127.0.0.1:{config.ops_port} cannot be used")
            assert "SAMBAND_OPS_PORT" in line


async def test_an_idle_process_is_small(config: Settings) -> None:
    async with started(config, "run") as process:
        await eventually(lambda: is_ready(config), 30)
        await asyncio.sleep(1)
        assert resident_megabytes(process.process.pid) < 120
        assert await process.end() == 0


def resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
