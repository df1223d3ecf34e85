"""Facts for outbox and relay tests, and what must be true of those that arrived."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prometheus_client import CollectorRegistry
from samband_contracts.networks import NetworkOpened
from samband_contracts.topics import NETWORKS, Topic
from samband_kit import database, outbox
from samband_kit.ids import new_id
from samband_kit.relay import Relay
from samband_kit.testing import create_topics, eventually, read_events, service_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import asyncpg
    from samband_contracts.event import CloudEvent
    from samband_kit.database import Pool
    from samband_kit.settings import Settings
    from samband_kit.testing import Backing


def opened(key: UUID | None = None) -> NetworkOpened:
    """A small fact about `key`, or about something new."""
    return NetworkOpened(network_id=key or new_id())


async def say(pool: Pool, keys: Sequence[UUID], rounds: int = 1) -> None:
    """Append `rounds` facts about each key, each round in a transaction of its own."""
    for _ in range(rounds):
        async with database.transaction(pool) as conn:
            await outbox.append(conn, [opened(key) for key in keys])


@dataclass(frozen=True)
class Writer:
    """A service that writes facts: its settings, its topics and its database."""

    settings: Settings
    pool: Pool

    async def waiting(self) -> int:
        """How many facts are not published."""
        return int(
            await self.pool.fetchval("select count(*) from outbox where published_at is null")
        )

    async def has_waiting(self, count: int) -> bool:
        """Whether exactly so many facts are not published."""
        return await self.waiting() == count

    async def drained(self, seconds: float = 20) -> None:
        """Wait until every fact is published."""

        async def empty() -> bool:
            assert await self.waiting() == 0
            return True

        await eventually(empty, seconds)


@asynccontextmanager
async def writer(
    backing: Backing, topics: Sequence[Topic] = (NETWORKS,), **more: Any
) -> AsyncIterator[Writer]:
    """A fresh writer."""
    async with service_settings(backing, "samband_kit", **more) as settings:
        if topics:
            await create_topics(settings, topics)
        pool = await database.open_pool(settings)
        try:
            yield Writer(settings, pool)
        finally:
            await pool.close()


@dataclass
class Running:
    """A relay at work in this process."""

    registry: CollectorRegistry
    stop: asyncio.Event
    task: asyncio.Task[None]

    def value(self, name: str, **labels: str) -> float:
        """A metric of this relay."""
        return self.registry.get_sample_value(f"samband_outbox_{name}", labels) or 0.0

    def has_published(self) -> bool:
        """Whether this relay has published anything yet."""
        return self.value("published_total", topic=NETWORKS.name) > 0

    async def end(self) -> None:
        """Stop it as a planned stop does."""
        self.stop.set()
        await asyncio.wait_for(self.task, 20)


@asynccontextmanager
async def relay(of: Writer, **more: Any) -> AsyncIterator[Running]:
    """Run a relay of the writer until the end of the block."""
    registry = CollectorRegistry()
    stop = asyncio.Event()
    task = asyncio.create_task(Relay(of.settings, of.pool, registry, **more).run(stop))
    running = Running(registry, stop, task)
    try:
        yield running
    finally:
        await running.end()


async def ends_the_lock_session(
    conn: asyncpg.Connection[asyncpg.Record] | Pool,
) -> bool:
    """End the session that leads, as a restart of Postgres does; whether there was one."""
    ended = await conn.fetch(
        "select pg_terminate_backend(pid) from pg_locks"
        " where locktype = 'advisory' and granted"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    return len(ended) == 1


async def arrived(settings: Settings, topic: Topic = NETWORKS) -> dict[str, list[int]]:
    """The sequences of each key in the order in which they lie in Kafka."""
    return by_key(await read_events(settings, topic))


def by_key(events: Sequence[CloudEvent[Any]]) -> dict[str, list[int]]:
    """The sequences of each key, in the order of the events."""
    sequences: dict[str, list[int]] = defaultdict(list)
    for event in events:
        sequences[event.subject].append(event.sequence)
    return sequences


def in_order_at_least_once(sequences: list[int], last: int) -> bool:
    """Whether 1 … `last` are all there and each came first only after the one before it."""
    return list(dict.fromkeys(sequences)) == list(range(1, last + 1))
