"""Ledgers: the small service on a database and topics of its own, with work and a look at all of it.

async with ledger(backing, tmp_path, seed) as books:
    async with books.process("relay.sent=kill@2") as one:
        await books.work_until_death(one)
        await one.again()
        await books.well()
    books.check(await books.seen())
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
from samband_contracts.networks import NetworkFinished
from samband_contracts.topics import MEMBERSHIPS, NETWORKS
from samband_kit import database, outbox
from samband_kit.consumer.lag import LogEnds
from samband_kit.correlation import correlated
from samband_kit.testing import create_topics, eventually, service_settings

from tests.faults import observation
from tests.faults.history import History, Outcome
from tests.faults.invariants import check
from tests.faults.ledger import SAID, SERVICE, TABLES
from tests.faults.observation import Asked, Consumer, Effect, Fact, Observation
from tests.faults.processes import ServiceProcess, process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_contracts.event import Event
    from samband_kit.database import Pool
    from samband_kit.settings import Settings
    from samband_kit.testing import Backing

TOPICS = (NETWORKS, MEMBERSHIPS)
MODULE = "tests.faults.ledger"
WELL_SECONDS = 240.0
_HANDLED = {
    NETWORKS.name: frozenset(event.TYPE for event in SAID),
    MEMBERSHIPS.name: frozenset({"se.icld.membership.left.v1"}),
}


@dataclass
class Ledger:
    """The service's database, the work that it gets, and how it is going."""

    settings: Settings
    pool: Pool
    folder: Path
    ends: LogEnds
    history: History
    random: random.Random
    keys: list[UUID]
    wanted: dict[str, int] = field(default_factory=dict)
    topics = TOPICS

    def process(
        self, failpoints: str = "", *, module: str = MODULE, **environment: str
    ) -> AbstractAsyncContextManager[ServiceProcess]:
        """The service as a process; `module` for a broken build of it."""
        return process(module, "consume", self.settings, self.folder, failpoints, **environment)

    async def work(self, commands: int, *, largest: int = 4, pause: float = 0.0) -> None:
        """Give commands, one after the other: each says some facts in one transaction."""
        for _ in range(commands):
            await self._say(self.random.choices(self.keys, k=self.random.randint(1, largest)))
            await asyncio.sleep(pause)

    async def say_of_each(self) -> None:
        """One command that says something of every key."""
        await self._say(self.keys)

    async def _say(self, keys: list[UUID]) -> None:
        name = str(UUID(int=self.random.getrandbits(128), version=4))
        events = [self._something(key) for key in keys]
        self.wanted[name] = len(events)
        with self.history.given(name, facts=[f"{one.TYPE} {one.key}" for one in events]) as command:
            with correlated(UUID(name)):
                async with database.transaction(self.pool) as conn:
                    await outbox.append(conn, events)
            command.outcome = Outcome.OK

    def _something(self, key: UUID) -> Event:
        # One in ten is of a type that the service does not react to.
        said = NetworkFinished if self.random.random() < 0.1 else self.random.choice(SAID)
        return said(network_id=key)

    async def refuse(self, *keys: UUID) -> None:
        """The handler fails for these from now on."""
        await self.pool.executemany(
            "insert into refused (key) values ($1)", [(str(key),) for key in keys]
        )

    async def mend(self) -> None:
        """What was wrong with the handler is mended, and an operator has it tried at once."""
        await self.pool.execute("delete from refused")
        await self.pool.execute(
            "update parked set next_attempt_at = now() where next_attempt_at is not null"
        )

    async def well(self, seconds: float = WELL_SECONDS) -> None:
        """Wait until nothing waits any more: I8."""

        async def nothing_waits() -> bool:
            # Twice, because what is read last may have said something new.
            for _ in range(2):
                waiting = await self._waiting()
                assert not waiting, f"I8: still waiting: {waiting}"
            return True

        await eventually(nothing_waits, seconds, every=0.1)

    async def waiting_facts(self) -> int:
        """How many facts are not published."""
        return int(
            await self.pool.fetchval("select count(*) from outbox where published_at is null")
        )

    async def _waiting(self) -> dict[str, object]:
        facts = await self.waiting_facts()
        if facts:
            return {"facts not published": facts}
        parked = await observation.parked(self.pool)
        if parked:
            return {"parked": parked[:3]}
        return dict(await self.behind())

    async def behind(self) -> dict[str, int]:
        """By topic, how many records have no committed offset."""
        return await observation.behind(self.ends, self.settings, SERVICE.name, TOPICS)

    async def seen(self) -> Observation:
        """All of it, as it is now."""
        facts = await observation.outbox(self.pool)
        by_command: dict[str, list[Fact]] = defaultdict(list)
        for fact in facts:
            by_command[str(fact.correlation_id)].append(fact)
        asked = [
            Asked(
                command,
                [fact for fact in by_command[name] if fact.topic == NETWORKS.name],
                self.wanted[name],
            )
            for name, command in self.history.commands.items()
        ]
        rows = await self.pool.fetch(
            "select topic, key, sequence, event_id from effects order by position"
        )
        consumer = Consumer(
            SERVICE.name,
            _HANDLED,
            [Effect(*row) for row in rows],
            await observation.positions(self.pool),
            await observation.parked(self.pool),
            await observation.committed(self.ends, self.settings, SERVICE.name, TOPICS),
        )
        return Observation(
            outbox=facts,
            log=await observation.log(self.settings, TOPICS),
            consumers=[consumer],
            asked=asked,
            unasked=[
                fact for fact in facts if str(fact.correlation_id) not in self.history.commands
            ],
        )

    async def check(self, *, planned: bool = False) -> None:
        """Compare all of it; `planned` when only planned stops happened. Raises `Violated`."""
        check(replace(await self.seen(), planned=planned), self.history.about)


@asynccontextmanager
async def ledger(
    backing: Backing, folder: Path, seed: int, *, keys: int = 8
) -> AsyncIterator[Ledger]:
    """A ledger of its own; gone afterwards."""
    async with service_settings(backing, "samband_kit") as settings:
        await create_topics(settings, TOPICS)
        conn = await asyncpg.connect(settings.database_url.get_secret_value())
        await conn.execute(TABLES)
        await conn.close()
        pool = await database.open_pool(settings, max_size=4)
        ends = LogEnds(settings.kafka)
        source = random.Random(seed)
        names = [UUID(int=source.getrandbits(128), version=4) for _ in range(keys)]
        history = History(folder, seed)
        try:
            yield Ledger(settings, pool, folder, ends, history, source, names)
        finally:
            await ends.close()
            await pool.close()
