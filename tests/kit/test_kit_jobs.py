"""Periodic jobs: one process does them, and what it has done is remembered."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from samband_kit.database import open_pool
from samband_kit.service import Job, Kind, Runtime
from samband_kit.supervisor.jobs import Jobs
from samband_kit.testing import eventually, running

from tests.kit.effects import settings_with_effects
from tests.kit.listening_service import SERVICE
from tests.kit.outboxes import ends_the_lock_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from samband_kit.settings import Settings
    from samband_kit.testing import Backing


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with settings_with_effects(backing) as settings:
        yield settings


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
