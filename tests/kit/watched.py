"""Consumers at work under a watchdog, without the rest of a process."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from samband_contracts.topics import MEMBERSHIPS
from samband_kit.consumer.consumers import Consumers
from samband_kit.consumer.retries import Retries
from samband_kit.database import open_pool
from samband_kit.metrics import ConsumeMetrics
from samband_kit.service import Runtime, Service
from samband_kit.settings import Settings
from samband_kit.testing import Facts, create_topics, service_settings
from samband_kit.watchdog import Watchdog

from tests.kit.effects import TABLE, Listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from samband_contracts.event import Event
    from samband_kit.database import Pool
    from samband_kit.testing import Backing


@dataclass
class Watched:
    consumers: Consumers
    watchdog: asyncio.Task[None]
    pool: Pool
    facts: Facts
    registry: CollectorRegistry


@asynccontextmanager
async def watched(
    backing: Backing, listener: Listener, *, patience: float, waiting: Sequence[Event] = ()
) -> AsyncIterator[Watched]:
    """Consumers under a watchdog that loses its patience after so many seconds.

    `waiting` is in Kafka before they begin.
    """
    async with service_settings(backing, "samband_kit", stop_timeout=1.0) as settings:
        await create_topics(settings, [MEMBERSHIPS])
        facts = Facts(settings)
        await facts.publish(*waiting)
        pool = await open_pool(settings)
        await pool.execute(TABLE)
        service = Service("watched", "samband_kit", Settings, (listener.memberships,), None)
        runtime = Runtime(service, settings, pool, CollectorRegistry())
        metrics = ConsumeMetrics(runtime.registry)
        retries = Retries(pool, service.reactions, metrics)
        consumers = Consumers(runtime, service.reactions, metrics, retries)
        watchdog = Watchdog(runtime, consumers, metrics, interval=0.1, patience=patience)
        stop = asyncio.Event()
        consuming = asyncio.create_task(consumers.run(stop))
        watching = asyncio.create_task(watchdog.run(stop))
        try:
            yield Watched(consumers, watching, pool, facts, runtime.registry)
        finally:
            stop.set()
            await asyncio.wait({consuming, watching}, timeout=10)
            await pool.close()
        assert consuming.done()
