"""relay_with_backlog: whether the relay keeps its pace when very much is waiting.

Value: rows a second of the real relay with a million facts waiting, as after
an outage of Kafka of some hours, from the commit that makes them visible until
the last of them is marked. Limit: the same relay with a few thousand. What
could grow on the way: the search for the lowest rows, the dead entries that
published rows leave in its index, and what the relay counts for its metrics.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from samband_contracts.topics import MEMBERSHIPS
from samband_kit import database, topics
from samband_networks.main import SERVICE

from benchmarks.frame import outboxes
from benchmarks.frame.figures import Benchmark, Figure, at_least
from benchmarks.frame.turns import take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.frame.figures import Result
    from benchmarks.frame.stage import Stage

FIGURE = Figure(
    name="relay_with_backlog",
    unit="rows/s",
    target=at_least(0.8),
    means="With a long backlog the relay publishes {value}, with a short one {limit}.",
)


async def measure(stage: Stage) -> Sequence[Result]:
    """A short backlog and a long one in turns."""
    short = stage.pick(full=50_000, quick=20_000, tiny=200)
    long = stage.pick(full=1_000_000, quick=100_000, tiny=1_000)
    rounds = stage.pick(full=3, quick=1, tiny=1)
    rates = await take_turns(
        stage,
        rounds,
        {
            "a short backlog": lambda: _relayed(stage, short),
            "a long backlog": lambda: _relayed(stage, long),
        },
    )
    of_short, of_long = (statistics.median(found) for found in rates.values())
    note = f"{long} facts waiting against {short}, {rounds} rounds"
    return [FIGURE.result(of_long, of_short, note=note)]


BENCHMARK = Benchmark((FIGURE,), measure)


async def _relayed(stage: Stage, rows: int) -> float:
    async with stage.place(SERVICE) as settings:
        await topics.ensure_topics(settings, [MEMBERSHIPS])
        pool = await database.open_pool(settings)
        try:
            await outboxes.sow(pool)
            return await outboxes.relayed(stage, SERVICE, settings, pool, rows)
        finally:
            await pool.close()
