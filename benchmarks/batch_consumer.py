"""batch_consumer, batch_consumer_vs_per_message: how fast facts are applied.

Value: records a second of the notifications service, a real process of it,
which learns what organisations are called (`samband.public.organisation-state`,
the topic that everybody reads from its beginning). Each record is about
another organisation: it is parsed and validated, its position locked and
advanced, its name kept, and all of that is committed before the offset is. It
is the lightest reaction of this service, so what is measured is the kit.

`batch_consumer_many_effects` is the heavy counterpart, with a target of its
own: who acts for the members of networks
(`samband.internal.representative-state`): a lock that keeps audiences complete,
representatives replaced, and what waits for them looked up.

Limit of both: a bare aiokafka consumer that reads the same records and does
nothing with them. No program on this client library can do more.

Limit of `batch_consumer_vs_per_message`: the product's own handler under a
FastStream subscriber that handles message by message, see
`rivals/per_message.py`. Everything else being equal, this is what sets are
worth. It reads fewer records, because it would take all day.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer
from samband_contracts.memberships import RepresentativesDescribed
from samband_contracts.organisations import OrganisationDescribed
from samband_contracts.topics import ORGANISATION_STATE, REPRESENTATIVE_STATE
from samband_kit import topics
from samband_kit.consumer.subscriber import SWEEP
from samband_kit.ids import new_id
from samband_kit.testing import Facts
from samband_notifications.main import SERVICE

from benchmarks.frame import records
from benchmarks.frame.consuming import Progress
from benchmarks.frame.figures import Benchmark, Figure, at_least
from benchmarks.frame.laying_out import lay_out
from benchmarks.frame.outboxes import a_region
from benchmarks.frame.turns import take_turns
from benchmarks.rivals import per_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from samband_contracts.event import Event
    from samband_contracts.topics import Topic
    from samband_kit.settings import Settings

    from benchmarks.frame.figures import Result
    from benchmarks.frame.stage import Stage

AGAINST_BARE = Figure(
    name="batch_consumer",
    unit="records/s",
    target=at_least(0.08),
    means="A service applies {value}, each with its effects in Postgres, committed; "
    "a bare consumer reads {limit} and forgets them.",
)
MANY_EFFECTS = Figure(
    name="batch_consumer_many_effects",
    unit="records/s",
    target=at_least(0.05),
    means="Of records with effects in several tables, each of which looks for others, "
    "a service applies {value}; a bare consumer reads {limit}.",
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
    names = await _ready(stage, ORGANISATION_STATE, _named, many)
    a_few_names = await _ready(stage, ORGANISATION_STATE, _named, few)
    representatives = await _ready(stage, REPRESENTATIVE_STATE, _represented, many)
    rates = await take_turns(
        stage,
        rounds,
        {
            "bare": lambda: _bare(stage, names),
            "batches": lambda: _batches(stage, names),
            "singly": lambda: _singly(stage, a_few_names),
            "bare, of many effects": lambda: _bare(stage, representatives),
            "many effects": lambda: _batches(stage, representatives),
        },
    )
    bare, batches, singly, bare_of_many, many_effects = map(statistics.median, rates.values())
    note = f"{many} records, {rounds} rounds"
    return [
        AGAINST_BARE.result(batches, bare, note=note),
        AGAINST_SINGLE.result(batches, singly, note=f"{note}; message by message {few}"),
        MANY_EFFECTS.result(many_effects, bare_of_many, note=note),
    ]


BENCHMARK = Benchmark((AGAINST_BARE, AGAINST_SINGLE, MANY_EFFECTS), measure)


@dataclass(frozen=True, slots=True)
class _Log:
    """What a topic is filled with."""

    topic: Topic
    chains: records.Chains
    total: int


async def _ready(stage: Stage, topic: Topic, said: Callable[[], Event], total: int) -> _Log:
    async with stage.place(SERVICE) as settings:
        facts = Facts(settings)
        events = [facts.envelope(said()) for _ in range(total)]
        return _Log(topic, records.ready(topic, events), total)


async def _batches(stage: Stage, log: _Log) -> float:
    async with stage.place(SERVICE) as settings:
        await _lay_out(settings, log)
        group = topics.group(settings.kafka_prefix, SERVICE.name, log.topic)
        async with (
            Progress(settings, group, log.topic) as progress,
            stage.running(SERVICE, settings, "consume") as service,
        ):
            return await progress.rate(log.total, service)


async def _singly(stage: Stage, log: _Log) -> float:
    async with stage.place(SERVICE) as settings:
        await _lay_out(settings, log)
        group = settings.kafka_prefix + per_message.GROUP
        async with (
            Progress(settings, group, log.topic) as progress,
            stage.role("rivals.per_message", settings) as rival,
        ):
            return await progress.rate(log.total, rival)


async def _bare(stage: Stage, log: _Log) -> float:
    async with stage.place(SERVICE) as settings:
        await _lay_out(settings, log)
        consumer = AIOKafkaConsumer(
            topics.physical(settings.kafka_prefix, log.topic),
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
            while read < log.total:
                read += await _read(consumer, SWEEP)
            return (read - first) / (time.perf_counter() - began)
        finally:
            await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, limit: int) -> int:
    found = await consumer.getmany(timeout_ms=1000, max_records=limit)
    return sum(map(len, found.values()))


async def _lay_out(settings: Settings, log: _Log) -> None:
    await lay_out(settings, SERVICE)
    await records.send(settings, log.topic, log.chains)


def _named() -> OrganisationDescribed:
    return OrganisationDescribed(organisation=a_region(), county_code="14")


def _represented() -> RepresentativesDescribed:
    return RepresentativesDescribed(
        membership_id=new_id(),
        network_id=new_id(),
        organisation_id=new_id(),
        contact_ids=(new_id(),),
    )
