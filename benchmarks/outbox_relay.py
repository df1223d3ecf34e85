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

import asyncio
import json
import statistics
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from samband_contracts.topics import MEMBERSHIPS
from samband_kit import database, kafka, outbox, topics
from samband_networks.main import SERVICE

from benchmarks.frame import outboxes
from benchmarks.frame.figures import Benchmark, Figure, at_least
from benchmarks.frame.stage import until
from benchmarks.frame.turns import take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_kit.database import Pool
    from samband_kit.settings import Settings

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

Chains = dict[int, list[tuple[bytes, bytes, kafka.Headers]]]


async def measure(stage: Stage) -> Sequence[Result]:
    """Relay and bare producer in turns."""
    rows = stage.pick(full=200_000, quick=60_000, tiny=500)
    rounds = stage.pick(full=5, quick=3, tiny=1)
    async with stage.place(SERVICE) as settings:
        await topics.ensure_topics(settings, [MEMBERSHIPS])
        pool = await database.open_pool(settings)
        try:
            await outboxes.sow(pool)
            chains, count = await _ready_bytes(pool, min(rows, _DISTINCT))
            rates = await take_turns(
                stage,
                rounds,
                {
                    "a bare producer": lambda: bare(settings, chains, max(rows // count, 1)),
                    "the relay": lambda: relayed(stage, settings, pool, rows),
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


async def relayed(stage: Stage, settings: Settings, pool: Pool, rows: int) -> float:
    """Rows a second of a relay that finds so many new ones."""
    async with stage.running(SERVICE, settings, "consume") as service, pool.acquire() as conn:
        await until(lambda: _leads(pool), service)
        async with conn.transaction():
            last = await outboxes.multiply(conn, rows)
        began = time.perf_counter()
        await outbox.wake(conn)
        ended = await until(lambda: published(pool, last), service)
    return rows / (ended - began)


async def published(pool: Pool, position: int) -> bool:
    """Whether the row is marked."""
    return bool(
        await pool.fetchval(
            "select published_at is not null from outbox where position = $1", position
        )
    )


async def bare(settings: Settings, chains: Chains, times: int) -> float:
    """Records a second of a bare producer that sends them `times` over."""
    name = topics.physical(settings.kafka_prefix, MEMBERSHIPS)
    producer = AIOKafkaProducer(
        **settings.kafka.options(),
        enable_idempotence=True,
        acks="all",
        max_batch_size=512 * 1024,
    )
    await producer.start()
    try:
        await producer.partitions_for(name)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for partition, chain in chains.items():
                group.create_task(_send(producer, name, partition, chain, times))
        seconds = time.perf_counter() - began
    finally:
        await producer.stop()
    return times * sum(map(len, chains.values())) / seconds


async def _send(
    producer: AIOKafkaProducer, name: str, partition: int, chain: Sequence[Any], times: int
) -> None:
    sent = []
    batch = producer.create_batch()
    for _ in range(times):
        for key, value, headers in chain:
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                batch.close()
                # Returns when the batch before it is on its way, not when it is acknowledged.
                sent.append(await producer.send_batch(batch, name, partition=partition))
                batch = producer.create_batch()
                batch.append(timestamp=None, key=key, value=value, headers=headers)
    batch.close()
    sent.append(await producer.send_batch(batch, name, partition=partition))
    await asyncio.gather(*sent)


async def _ready_bytes(pool: Pool, rows: int) -> tuple[Chains, int]:
    """Real records by partition, as they are sent, and their number; the outbox is empty again."""
    async with pool.acquire() as conn, conn.transaction():
        await outboxes.multiply(conn, rows)
        found = await conn.fetch("select key, headers, value from outbox")
        await conn.execute("delete from outbox where position > (select min(position) from outbox)")
        await conn.execute("update outbox set published_at = now()")
    chains: Chains = defaultdict(list)
    for row in found:
        headers: kafka.Headers = [
            (name, text.encode()) for name, text in json.loads(row["headers"]).items()
        ]
        partition = kafka.partition_of(row["key"], MEMBERSHIPS.partitions)
        chains[partition].append((row["key"].encode(), row["value"], headers))
    return chains, len(found)


async def _leads(pool: Pool) -> bool:
    return bool(
        await pool.fetchval(
            "select exists (select from pg_locks join pg_database on pg_database.oid = database"
            " where datname = current_database() and locktype = 'advisory' and granted)"
        )
    )
