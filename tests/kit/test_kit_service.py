"""A service as real processes: start, stop, failure, readiness."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from prometheus_client import CollectorRegistry
from samband_kit.database import open_pool
from samband_kit.ids import new_id
from samband_kit.service import Job, Kind, Runtime
from samband_kit.supervisor.jobs import Jobs
from samband_kit.testing import (
    Facts,
    admin_url,
    create_topics,
    eventually,
    running,
    service_settings,
)

from tests.kit.asking import get
from tests.kit.effects import TABLE, joined
from tests.kit.listening_service import SERVICE
from tests.kit.outboxes import ends_the_lock_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from samband_kit.settings import Settings
    from samband_kit.testing import Backing

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with service_settings(
        backing, "samband_kit", port=free_port(), ops_port=free_port()
    ) as settings:
        conn = await asyncpg.connect(settings.database_url.get_secret_value())
        await conn.execute(TABLE)
        await conn.close()
        await create_topics(settings)
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


async def test_jobs_run_in_one_process_and_a_failing_one_comes_again(config: Settings) -> None:
    async with running(SERVICE, config.model_copy(update={"port": 0, "ops_port": 0})) as one:

        async def noted() -> int:
            return int(await one.pool.fetchval("select count(*) from effects where key = 'job'"))

        await eventually(
            lambda: one.metric("samband_job_runs_total", name="fail", outcome="failed") >= 2
        )
        await eventually(
            lambda: one.metric("samband_job_runs_total", name="note", outcome="done") >= 2
        )
        # Both were first to be done at the same moment, and only one has been done since.
        assert one.metric("samband_job_done_timestamp_seconds", name="note") > one.metric(
            "samband_job_done_timestamp_seconds", name="fail"
        )
        assert one.metric("samband_job_interval_seconds", name="note") == 0.2
        async with running(
            SERVICE, config.model_copy(update={"port": 0, "ops_port": 0}), Kind.CONSUME
        ) as two:
            before = await noted()
            await eventually(lambda: noted_more(noted, before))
            assert two.metric("samband_job_runs_total", name="note", outcome="done") == 0


async def test_a_job_that_never_succeeds_is_as_late_after_a_restart(config: Settings) -> None:
    async def hang(_runtime: Runtime) -> None:
        await asyncio.Event().wait()

    async def last_done(job: Callable[[Runtime], Awaitable[None]]) -> float:
        """What a process that has just begun to lead says."""
        pool, stop, registry = await open_pool(config), asyncio.Event(), CollectorRegistry()
        jobs = Jobs(
            Runtime(SERVICE, config.model_copy(update={"stop_timeout": 0.2}), pool, registry),
            [Job("pulse", timedelta(hours=1), job)],
        )
        running = asyncio.create_task(jobs.run(stop))

        def said() -> float | None:
            return registry.get_sample_value(
                "samband_job_done_timestamp_seconds", {"name": "pulse"}
            )

        def runs() -> float | None:
            return registry.get_sample_value(
                "samband_job_runs_total", {"name": "pulse", "outcome": "done"}
            )

        async def there() -> bool:
            return bool(said()) and (job is hang or runs() == 1)

        await eventually(there, 30)
        stop.set()
        await asyncio.wait_for(running, 20)
        await pool.close()
        return said() or 0.0

    async def do(_runtime: Runtime) -> None:
        return

    first = await last_done(hang)
    assert await last_done(hang) == first
    done = await last_done(do)
    assert done > first
    assert await last_done(hang) == done


async def test_a_leader_that_lost_its_lock_stops_working_at_once(config: Settings) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def work(_runtime: Runtime) -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    pool, stop = await open_pool(config), asyncio.Event()
    runtime = Runtime(SERVICE, config, pool, CollectorRegistry())
    running = asyncio.create_task(Jobs(runtime, [Job("long", timedelta(hours=1), work)]).run(stop))
    await began.wait()
    # Just after a look, so that the next one is far away.
    await asyncio.sleep(0.2)
    began.clear()
    assert await ends_the_lock_session(pool)
    await asyncio.wait_for(cancelled.wait(), 1)
    await asyncio.wait_for(began.wait(), 10)
    stop.set()
    await asyncio.wait_for(running, 10)
    await pool.close()


async def noted_more(noted: object, before: int) -> bool:
    assert callable(noted)
    return bool(await noted() > before + 2)


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
