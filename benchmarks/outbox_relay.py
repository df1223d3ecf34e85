"""outbox_relay: how fast the relay carries facts from the outbox to Kafka.

Value: rows a second of the real relay, in a real process of the networks
service, from the commit that makes many thousands of facts visible at once
until the last of them is marked as published. That is reading, decoding,
sending in order with acknowledgements, and marking.

Limit: a bare aiokafka producer sending the same bytes with the same headers,
which lie ready in memory, to a topic with as many partitions: idempotent,
`acks=all`, in batches that it fills itself, all partitions at once and the next
batch always waiting behind the last. It is the fastest way that the client
library has; it reads nothing, marks nothing and decodes nothing.
"""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING

from samband_contracts.topics import MEMBERSHIPS
from samband_kit import database, topics
from samband_networks.main import SERVICE

from benchmarks.frame import outboxes, records
from benchmarks.frame.figures import Benchmark, Figure, at_least
from benchmarks.frame.turns import take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_kit.database import Pool

    from benchmarks.frame.figures import Result
    from benchmarks.frame.stage import Stage

FIGURE = Figure(
    name="outbox_relay",
    unit="rows/s",
    target=at_least(0.3),
    means="The relay publishes {value}; a bare producer that finds the bytes ready "
    "in memory sends {limit}.",
)

_DISTINCT = 20_000
"""Records that the limit holds in memory; it sends them over and over."""


async def measure(stage: Stage) -> Sequence[Result]:
    """Relay and bare producer in turns."""
    rows = stage.pick(full=200_000, quick=60_000, tiny=500)
    rounds = stage.pick(full=5, quick=2, tiny=1)
    async with stage.place(SERVICE) as settings:
        await topics.ensure_topics(settings, [MEMBERSHIPS])
        pool = await database.open_pool(settings)
        try:
            await outboxes.sow(pool)
            chains, count = await _ready_bytes(pool, min(rows, _DISTINCT))
            times = max(rows // count, 1)

            async def bare() -> float:
                return times * count / await records.send(settings, MEMBERSHIPS, chains, times)

            rates = await take_turns(
                stage,
                rounds,
                {
                    "a bare producer": bare,
                    "the relay": lambda: outboxes.relayed(stage, SERVICE, settings, pool, rows),
                },
            )
        finally:
            await pool.close()
    return [
        FIGURE.result(
            statistics.median(rates["the relay"]),
            statistics.median(rates["a bare producer"]),
            note=f"{rows} facts, {rounds} rounds",
        )
    ]


BENCHMARK = Benchmark((FIGURE,), measure)


async def _ready_bytes(pool: Pool, rows: int) -> tuple[records.Chains, int]:
    """Real records by partition, as they are sent, and their number; the outbox is empty again."""
    async with pool.acquire() as conn, conn.transaction():
        await outboxes.multiply(conn, rows)
        found = await conn.fetch("select key, headers, value from outbox")
        await conn.execute("delete from outbox where position > (select min(position) from outbox)")
        await conn.execute("update outbox set published_at = now()")
    return records.by_partition(
        MEMBERSHIPS,
        (
            (
                row["key"],
                row["value"],
                [(name, text.encode()) for name, text in json.loads(row["headers"]).items()],
            )
            for row in found
        ),
    ), len(found)
