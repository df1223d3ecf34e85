"""Running: a service's processes, in the process of the test."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samband_contracts.topics import ALL

from samband_kit import database
from samband_kit.supervisor.process import Process
from samband_kit.testing.records import create_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.database import Pool
    from samband_kit.service import Kind, Service
    from samband_kit.settings import Settings

_START_SECONDS = 30.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True)
class RunningService:
    """A service at work; `pool` is the test's own way into its database."""

    process: Process
    pool: Pool

    @property
    def address(self) -> str:
        """Where its pages and API are."""
        if self.process.web is None:
            raise LookupError(f"{self.process.service.name} runs without pages")
        return self.process.web.address

    def metric(self, name: str, /, **labels: str) -> float:
        """The value of a metric, 0 while it has none."""
        return self.process.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def running(
    service: Service, settings: Settings, *kinds: Kind
) -> AsyncIterator[RunningService]:
    """`at_work`, with the topics that the service writes and reads created first."""
    reads = {reaction.topic.name for reaction in service.reactions}
    await create_topics(
        settings, [topic for topic in ALL if topic.owner == service.name or topic.name in reads]
    )
    async with at_work(service, settings, *kinds) as started:
        yield started


@asynccontextmanager
async def at_work(
    service: Service, settings: Settings, *kinds: Kind
) -> AsyncIterator[RunningService]:
    """Run a service as `kinds` (all that it has, when none is named) for the block.

    At the end it is stopped as in a deployment, and must do so cleanly.
    """
    process = Process(service, settings, kinds or service.kinds)
    stop, runs = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(process.run(stop, runs.set))
    pool = await database.open_pool(settings)
    try:
        waiting = asyncio.create_task(runs.wait())
        await asyncio.wait(
            {task, waiting}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if not waiting.done():
            waiting.cancel()
            raise AssertionError(f"{service.name} did not start")
        yield RunningService(process, pool)
    finally:
        await pool.close()
        stop.set()
        code = await asyncio.wait_for(task, _STOP_SECONDS)
    if code:
        raise AssertionError(f"{service.name} ended with exit code {code}")
