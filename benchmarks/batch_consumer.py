"""batch_consumer, batch_consumer_vs_per_message: how fast facts are applied.

Value: records a second of the notifications service, a real process of it,
which takes over who acts for the members of networks (the reaction to
`samband.internal.representative-state`). Each record is about another member:
it is parsed and validated, its position locked and advanced, the member's
representatives are replaced and whatever waits for them is looked up, and all
of that is committed before the offset is.

Limit of `batch_consumer`: a bare aiokafka consumer that reads the same records
and does nothing with them. No program on this client library can do more.

Limit of `batch_consumer_vs_per_message`: the product's own handler under a
FastStream subscriber that handles message by message, see
`rivals/per_message.py`. Everything else being equal, this is what sets are
worth. It reads fewer records, because it would take all day.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer
from samband_contracts.memberships import RepresentativesDescribed
from samband_contracts.topics import REPRESENTATIVE_STATE
from samband_kit import topics
from samband_kit.consumer.subscriber import SWEEP
from samband_kit.ids import new_id
from samband_kit.testing import Facts
from samband_notifications.main import SERVICE

from benchmarks.frame import records
from benchmarks.frame.consuming import Progress
from benchmarks.frame.figures import Benchmark, Figure, at_least
from benchmarks.frame.laying_out import lay_out
from benchmarks.frame.turns import take_turns
from benchmarks.rivals import per_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_kit.settings import Settings

    from benchmarks.frame.figures import Result
    from benchmarks.frame.stage import Stage

TOPIC = REPRESENTATIVE_STATE

AGAINST_BARE = Figure(
    name="batch_consumer",
    unit="records/s",
    target=at_least(0.08),
    means="A service applies {value}, each with its effects in Postgres, committed; "
    "a bare consumer reads {limit} and forgets them.",
)
AGAINST_SINGLE = Figure(
    name="batch_consumer_vs_per_message",
    unit="records/s",
    target=at_least(30),
    means="Working on sets, a service applies {value}; "
    "the same handler called message by message gets to {limit}.",
)


async def measure(stage: Stage) -> Sequence[Result]:
    """Bare, in batches, and message by message, in turns."""
    many = stage.pick(full=100_000, quick=20_000, tiny=60)
    few = stage.pick(full=4_000, quick=500, tiny=20)
    rounds = stage.pick(full=5, quick=2, tiny=1)
    async with stage.place(SERVICE) as settings:
        facts = Facts(settings)
        events = [facts.envelope(_described()) for _ in range(many)]
        all_of_them, a_few = records.ready(TOPIC, events), records.ready(TOPIC, events[:few])
    rates = await take_turns(
        stage,
        rounds,
        {
            "bare": lambda: _bare(stage, all_of_them, many),
            "batches": lambda: _batches(stage, all_of_them, many),
            "singly": lambda: _singly(stage, a_few, few),
        },
    )
    bare, batches, singly = (statistics.median(found) for found in rates.values())
    note = f"{many} records, {rounds} rounds"
    return [
        AGAINST_BARE.result(batches, bare, note=note),
        AGAINST_SINGLE.result(batches, singly, note=f"{note}; message by message {few}"),
    ]


BENCHMARK = Benchmark((AGAINST_BARE, AGAINST_SINGLE), measure)


async def _batches(stage: Stage, chains: records.Chains, total: int) -> float:
    async with stage.place(SERVICE) as settings:
        await _lay_out(settings, chains)
        group = topics.group(settings.kafka_prefix, SERVICE.name, TOPIC)
        async with (
            Progress(settings, group, TOPIC) as progress,
            stage.running(SERVICE, settings, "consume") as service,
        ):
            return await progress.rate(total, service)


async def _singly(stage: Stage, chains: records.Chains, total: int) -> float:
    async with stage.place(SERVICE) as settings:
        await _lay_out(settings, chains)
        group = settings.kafka_prefix + per_message.GROUP
        async with (
            Progress(settings, group, TOPIC) as progress,
            stage.role("rivals.per_message", settings) as rival,
        ):
            return await progress.rate(total, rival)


async def _bare(stage: Stage, chains: records.Chains, total: int) -> float:
    async with stage.place(SERVICE) as settings:
        await _lay_out(settings, chains)
        consumer = AIOKafkaConsumer(
            topics.physical(settings.kafka_prefix, TOPIC),
            **settings.kafka.options(),
            group_id=f"{settings.kafka_prefix}bare",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            # The clock starts with the first record, as it does for a group's first commit.
            first = read = await _read(consumer, 1)
            began = time.perf_counter()
            while read < total:
                read += await _read(consumer, SWEEP)
            return (read - first) / (time.perf_counter() - began)
        finally:
            await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, limit: int) -> int:
    found = await consumer.getmany(timeout_ms=1000, max_records=limit)
    return sum(map(len, found.values()))


async def _lay_out(settings: Settings, chains: records.Chains) -> None:
    await lay_out(settings, SERVICE)
    await records.send(settings, TOPIC, chains)


def _described() -> RepresentativesDescribed:
    return RepresentativesDescribed(
        membership_id=new_id(),
        network_id=new_id(),
        organisation_id=new_id(),
        contact_ids=(new_id(),),
    )
