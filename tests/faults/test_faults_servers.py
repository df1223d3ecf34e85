"""The servers themselves: crashed, frozen, changed behind our back, held up by somebody else."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import asyncpg
from samband_contracts.topics import NETWORKS
from samband_kit.kafka import Administration
from samband_kit.outages import POSTGRES_AWAY
from samband_kit.topics import physical

from tests.faults.cases import Area, Invariant, case
from tests.faults.ground import send
from tests.faults.invariants import check
from tests.faults.ledgers import MODULE, Ledger, ledger
from tests.faults.processes import ServiceProcess, process
from tests.faults.trials import meanwhile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.faults.ground import Ground
    from tests.faults.recording import Recovering

SAFE = (
    Invariant.I1,
    Invariant.I2,
    Invariant.I3,
    Invariant.I4,
    Invariant.I8,
    Invariant.I13,
)


@dataclass
class Shop:
    """A ledger at work on servers that may be hurt."""

    books: Ledger
    process: ServiceProcess

    async def well(self) -> None:
        """Everything has had its effect, and the process has lived through it."""
        await self.books.work(2)
        await self.books.well()
        assert self.process.process.returncode is None

    async def work_anyway(self, commands: int) -> None:
        """Give commands, whether Postgres is there or not."""
        for _ in range(commands):
            try:
                await self.books.work(1)
            except POSTGRES_AWAY:
                await asyncio.sleep(0.1)


@asynccontextmanager
async def shop(rough: Ground, folder: Path, seed: int) -> AsyncIterator[Shop]:
    async with ledger(rough.backing, folder, seed) as books:
        behind = rough.behind(books.settings)
        async with process(MODULE, "consume", behind, folder) as one:
            await one.ready()
            await books.work(10)
            yield Shop(books, one)


@case(
    Area.INFRASTRUCTURE,
    "Postgres crashes under load",
    how="immediate shutdown and start while commands are given",
    holds=SAFE,
)
async def test_a_crash_of_postgres_loses_nothing_that_was_acknowledged(
    rough: Ground, tmp_path: Path, seed: int, full: bool, recovering: Recovering
) -> None:
    async with shop(rough, tmp_path, seed) as at:
        for _ in range(3 if full else 1):
            async with meanwhile(at.work_anyway(40)):
                await asyncio.sleep(0.3)
                crashed = rough.postgres.process
                send(rough.postgres, signal.SIGQUIT)
                assert crashed is not None
                await asyncio.to_thread(crashed.wait)
                await rough.start(rough.postgres)
            with recovering():
                await at.well()
        await at.books.check()


@case(
    Area.INFRASTRUCTURE,
    "the broker is frozen and thaws",
    how="SIGSTOP for 40 seconds under load, SIGCONT",
    holds=SAFE,
)
async def test_a_frozen_broker_costs_nothing_but_time(
    rough: Ground, tmp_path: Path, seed: int, full: bool, recovering: Recovering
) -> None:
    async with shop(rough, tmp_path, seed) as at:
        send(rough.kafka, signal.SIGSTOP)
        for _ in range(10):
            await at.books.work(2)
            await asyncio.sleep(4 if full else 0.4)
        send(rough.kafka, signal.SIGCONT)
        with recovering():
            await at.well()
        await at.books.check()


@case(
    Area.INFRASTRUCTURE,
    "a topic gets more partitions behind our back",
    how="from 12 to 24 between two starts, so that keys move to other partitions",
    holds=(Invariant.I1, Invariant.I3, Invariant.I4, Invariant.I8),
)
async def test_keys_that_move_to_other_partitions_are_applied_in_their_order(
    rough: Ground, tmp_path: Path, seed: int, recovering: Recovering
) -> None:
    async with shop(rough, tmp_path, seed) as at:
        settings = at.books.settings
        async with Administration(settings.kafka) as kafka:
            await kafka.extend(physical(settings.kafka_prefix, NETWORKS), 24)
        await at.process.again()
        with recovering():
            await at.books.work(30)
            await at.well()
        seen = await at.books.seen()
        # A key lies in two partitions now, and between those Kafka's log has no order.
        check(replace(seen, log=sorted(seen.log, key=lambda record: record.sequence)))


@case(
    Area.INFRASTRUCTURE,
    "somebody leaves a transaction open",
    how="a session with a transaction id stays idle while facts are said",
    holds=SAFE,
)
async def test_an_idle_transaction_of_somebody_else_holds_up_nothing(
    rough: Ground, tmp_path: Path, seed: int
) -> None:
    async with shop(rough, tmp_path, seed) as at:
        url = at.books.settings.database_url.get_secret_value()
        intruder = await asyncpg.connect(url)
        async with intruder.transaction():
            await intruder.execute("insert into refused (key) values ('nobody')")
            await at.books.work(20)
            await at.well()
            await at.books.check()
        await intruder.close()


@case(
    Area.INFRASTRUCTURE,
    "tables are extended while the old program runs",
    how="`alter table … add column` on every table in use, under load",
    holds=SAFE,
)
async def test_a_program_runs_on_tables_that_have_become_wider(
    rough: Ground, tmp_path: Path, seed: int, recovering: Recovering
) -> None:
    async with shop(rough, tmp_path, seed) as at:
        async with meanwhile(at.books.work(60)):
            for table in ("outbox", "outbox_counters", "positions", "parked", "effects"):
                await at.books.pool.execute(f"alter table {table} add column newer text")
        with recovering():
            await at.well()
        await at.books.check()
