"""commit_to_applied: how long a fact takes from one service's commit into another's, when idle.

Value: milliseconds from the moment at which a transaction with a new call is
about to commit in registration's database until networks has committed what it
makes of it. Registration's relay and networks' consumers are real processes;
the writing side is the kit's `outbox.append` in the kit's transaction. Between
two facts nothing happens for a while, so that all that waits has gone to sleep.

Limit: a table, a relay and a consumer written by hand, as little as keeps order
and loses nothing (`rivals/minimum.py`), in processes of their own as well, on
the same servers. It is what the way itself costs: two commits that reach the
disk, a notification, a record through Kafka, a transaction.

Both ends are seen from here: the end by a notification that the database sends
when the consumer's transaction commits, from the same trigger on both sides.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
from samband_contracts.calls import CallOpened
from samband_contracts.topics import CALLS
from samband_contracts.values import Localised
from samband_kit import database, outbox
from samband_kit.ids import new_id
from samband_kit.kafka import Administration
from samband_networks.main import SERVICE as NETWORKS
from samband_registration.main import SERVICE as REGISTRATION

from benchmarks.frame.figures import Benchmark, Figure, at_most
from benchmarks.frame.laying_out import lay_out
from benchmarks.frame.turns import take_turns
from benchmarks.rivals import minimum

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from samband_kit.settings import Settings

    from benchmarks.frame.figures import Result
    from benchmarks.frame.stage import Stage

MEDIAN = Figure(
    name="commit_to_applied_median",
    unit="ms",
    target=at_most(1.5),
    means="On an idle system half of all facts are applied by the next service within {value} "
    "of the commit; the least that is still correct needs {limit}.",
)
SLOWEST = Figure(
    name="commit_to_applied_p95",
    unit="ms",
    target=at_most(3),
    means="Nineteen of twenty facts are applied within {value}; "
    "with the least that is still correct, within {limit}.",
)

_PATIENCE_SECONDS = 60.0
_WARMING = 5
"""Facts that only see to it that all connections are there."""

_TELL = """
create function tell() returns trigger language plpgsql as
  $$ begin perform pg_notify('applied', ''); return null; end $$;
create trigger tell after insert or update on {table} for each statement execute function tell();
"""


async def measure(stage: Stage) -> Sequence[Result]:
    """The minimum and the product in turns."""
    facts = stage.pick(full=200, quick=20, tiny=3)
    rounds = stage.pick(full=3, quick=2, tiny=1)
    latencies = await take_turns(
        stage,
        rounds,
        {
            "the minimum": lambda: _of_minimum(stage, facts),
            "the product": lambda: _of_product(stage, facts),
        },
    )
    least, ours = ([one for found in each for one in found] for each in latencies.values())
    note = f"{facts} facts, {rounds} rounds"
    return [
        MEDIAN.result(statistics.median(ours), statistics.median(least), note=note),
        SLOWEST.result(_p95(ours), _p95(least), note=note),
    ]


BENCHMARK = Benchmark((MEDIAN, SLOWEST), measure)


async def _of_product(stage: Stage, facts: int) -> list[float]:
    async with (
        stage.place(REGISTRATION) as ours,
        stage.place(NETWORKS, kafka_prefix=ours.kafka_prefix) as theirs,
    ):
        await lay_out(ours, REGISTRATION, NETWORKS)
        pool = await database.open_pool(ours)

        async def commit() -> float:
            async with database.transaction(pool) as conn:
                await outbox.append(conn, [_opened()])
                return time.perf_counter()

        try:
            async with (
                _applied(theirs, "positions") as applied,
                stage.running(REGISTRATION, ours, "consume"),
                stage.running(NETWORKS, theirs, "consume"),
            ):
                return await _latencies(commit, applied, facts)
        finally:
            await pool.close()


async def _of_minimum(stage: Stage, facts: int) -> list[float]:
    async with stage.place(NETWORKS) as settings:
        async with Administration(settings.kafka) as kafka:
            name = settings.kafka_prefix + minimum.TOPIC
            await kafka.create(name, partitions=CALLS.partitions, replicas=1, configs={})
        conn = await asyncpg.connect(settings.database_url.get_secret_value())
        await conn.execute(minimum.SCHEMA)

        async def commit() -> float:
            key, headers, value = minimum.record(_opened())
            async with conn.transaction():
                await conn.execute(minimum.ADD, key, headers, value)
                await conn.execute(f"notify {minimum.CHANNEL}")
                return time.perf_counter()

        try:
            async with (
                _applied(settings, "reached") as applied,
                stage.role("rivals.minimum", settings, "relay"),
                stage.role("rivals.minimum", settings, "consumer"),
            ):
                return await _latencies(commit, applied, facts)
        finally:
            await conn.close()


async def _latencies(
    commit: Callable[[], Awaitable[float]], applied: asyncio.Queue[float], facts: int
) -> list[float]:
    found = []
    for _ in range(_WARMING + facts):
        began = await commit()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            ended = await applied.get()
        found.append(1000 * (ended - began))
        # Never in step with anything that polls.
        await asyncio.sleep(random.uniform(0.05, 0.15))
    return found[_WARMING:]


@asynccontextmanager
async def _applied(settings: Settings, table: str) -> AsyncIterator[asyncio.Queue[float]]:
    """The moments at which a transaction commits that wrote to the table."""
    moments: asyncio.Queue[float] = asyncio.Queue()
    conn = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await conn.execute(_TELL.format(table=table))
        await conn.add_listener("applied", lambda *_: moments.put_nowait(time.perf_counter()))
        yield moments
    finally:
        await conn.close()


def _p95(latencies: Sequence[float]) -> float:
    return statistics.quantiles(latencies, n=20, method="inclusive")[-1]


def _opened() -> CallOpened:
    now = datetime.now(UTC)
    return CallOpened(
        call_id=new_id(),
        title=Localised(sv="Mänskliga rättigheter", en="Human rights"),
        opens_at=now,
        closes_at=now + timedelta(days=60),
        zone="Europe/Stockholm",
    )
