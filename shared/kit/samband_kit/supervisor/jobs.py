"""Jobs: periodic work, done by one process of a service at a time.

The process that leads runs all jobs; the others stand by and take over when
it is gone. Every job runs once when a process begins to lead, and then at its
interval. When it last ended well is written down: a job that never does is
late, however often the processes are started again.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from samband_kit.consumer import failures
from samband_kit.correlation import correlated
from samband_kit.failpoints import Failpoint, reach
from samband_kit.leadership import Leadership, LeadershipLost, lead
from samband_kit.logs import get_logger
from samband_kit.metrics import JobMetrics
from samband_kit.outages import POSTGRES_AWAY
from samband_kit.pauses import pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_kit.service import Job, Runtime

log = get_logger(__name__)

_LOOK_SECONDS = 2.0
_SINCE = """
with first as (
    insert into jobs (name) select unnest($1::text[]) on conflict do nothing
    returning name, done_at)
select name, done_at from first
union all
select name, done_at from jobs where name = any($1)
"""
_DONE = """
insert into jobs (name) values ($1)
on conflict (name) do update set done_at = excluded.done_at
returning done_at
"""
_UNREACHABLE = (*POSTGRES_AWAY, LeadershipLost)


class Jobs:
    """The component that runs periodic jobs: the kit's own and the service's."""

    name = "jobs"

    def __init__(self, runtime: Runtime, jobs: Sequence[Job]) -> None:
        self._runtime = runtime
        self._jobs = jobs
        self._metrics = JobMetrics(runtime.registry)
        for job in jobs:
            self._metrics.interval.labels(job.name).set(job.every.total_seconds())
            for outcome in ("done", "failed"):
                self._metrics.runs.labels(job.name, outcome)

    async def run(self, stop: asyncio.Event) -> None:
        """Run jobs while this process leads, until `stop`; survives Postgres."""
        while not stop.is_set():
            try:
                async with lead(self._runtime.settings, "jobs", stop) as leadership:
                    if leadership is not None:
                        await self._lead(leadership, stop)
            except _UNREACHABLE as error:
                log.warning("jobs wait for Postgres", error=failures.summary(error))
                await pause(_LOOK_SECONDS, stop)

    async def _lead(self, leadership: Leadership, stop: asyncio.Event) -> None:
        done = await self._runtime.pool.fetch(_SINCE, [job.name for job in self._jobs])
        for row in done:
            self._metrics.done_at.labels(row["name"]).set(row["done_at"].timestamp())
        running = [
            asyncio.create_task(self._repeat(job, stop), name=job.name) for job in self._jobs
        ]
        work = asyncio.gather(*running, return_exceptions=True)
        stopped = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                await leadership.check()
                await _unless_lost(leadership, stopped, _LOOK_SECONDS)
            # Work that has begun may end; what takes longer is done again next time.
            await _unless_lost(leadership, work, self._runtime.settings.stop_timeout * 0.5)
        finally:
            stopped.cancel()
            for task in running:
                task.cancel()
            await work

    async def _repeat(self, job: Job, stop: asyncio.Event) -> None:
        while not stop.is_set():
            began = time.monotonic()
            outcome = "done"
            try:
                await reach(Failpoint.JOB_BEGUN)
                with correlated(None):
                    await job.run(self._runtime)
                await reach(Failpoint.JOB_DONE)
                done_at = await self._runtime.pool.fetchval(_DONE, job.name)
            except Exception as error:  # noqa: BLE001 - the job comes again at its next time
                outcome = "failed"
                log.warning("a job failed", job=job.name, error=failures.where(error))
            else:
                self._metrics.done_at.labels(job.name).set(done_at.timestamp())
            seconds = time.monotonic() - began
            self._metrics.runs.labels(job.name, outcome).inc()
            self._metrics.seconds.labels(job.name).observe(seconds)
            await pause(max(job.every.total_seconds() - seconds, 0.0), stop)


async def _unless_lost(leadership: Leadership, waited: asyncio.Future[Any], seconds: float) -> None:
    await asyncio.wait(
        {leadership.lost, waited}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
    )
    if leadership.lost.done():
        raise LeadershipLost("its connection was closed")
