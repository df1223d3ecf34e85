"""consumer_with_many_positions, consumer_random_positions: a consumer that knows ten million keys.

A position is kept for every key that was ever seen, for ever. So a consumer
must go on as fast when there are millions of them.

Value: records a second of the networks service, a real process, with ten
million positions of calls. Of `consumer_with_many_positions`: facts about a
thousand of these calls, spread evenly, again and again, as in real life, where
most is said about what is new. Of `consumer_random_positions`: facts about
calls drawn from all ten million, each a page of its own that nobody has
touched for long; as when a whole history is read anew.

Limit of both: the same service and the same thousand calls, and no others.

Opening and closing a call is the smallest reaction that there is, one statement
for a set of them, so positions weigh here as much as they ever can.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
from samband_contracts.calls import CallClosed, CallOpened
from samband_contracts.topics import CALLS
from samband_contracts.values import Localised
from samband_kit import topics
from samband_kit.testing import Facts, admin_url
from samband_networks.main import SERVICE

from benchmarks.frame import records
from benchmarks.frame.consuming import Progress
from benchmarks.frame.figures import Benchmark, Figure, at_least
from benchmarks.frame.laying_out import lay_out
from benchmarks.frame.turns import take_turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from samband_contracts.event import Event
    from samband_kit.settings import Settings

    from benchmarks.frame.figures import Result
    from benchmarks.frame.processes import Program
    from benchmarks.frame.stage import Stage

EVEN = Figure(
    name="consumer_with_many_positions",
    unit="records/s",
    target=at_least(0.8),
    means="Knowing very many keys, a consumer applies {value} about a thousand of them; "
    "knowing these alone, {limit}.",
)
RANDOM = Figure(
    name="consumer_random_positions",
    unit="records/s",
    target=at_least(0.2),
    means="About keys drawn at random from very many a consumer applies {value}, "
    "about a thousand that are all it knows {limit}.",
)

_BUSY_KEYS = 1_000
_KEY = "01900000-0000-7000-8000-"

# Without the key while they are written, and with it afterwards, as an upgrade would do it.
_FILL = f"""
alter table positions drop constraint positions_pkey;
insert into positions (topic, key, last_sequence, last_event_id)
select '{CALLS.name}', '{_KEY}' || lpad(to_hex(number), 12, '0'), 1, uuidv7()
from generate_series(0, {{last}}, {{step}}) as number;
alter table positions add primary key (topic, key);
"""


async def measure(stage: Stage) -> Sequence[Result]:
    """Few positions, many, and many at random, in turns."""
    many = stage.pick(full=10_000_000, quick=300_000, tiny=2_000)
    facts = stage.pick(full=40_000, quick=10_000, tiny=60)
    rounds = stage.pick(full=5, quick=2, tiny=1)
    step = many // _BUSY_KEYS
    busy = [step * (number % _BUSY_KEYS) for number in range(facts)]
    # Nothing here is secret; the same draw in every run.
    draw = random.Random(many)
    async with AsyncExitStack() as stack:
        stage.say(f"writing {many} positions")
        large = await stack.enter_async_context(_reader(stage, "large", last=many - 1, step=1))
        small = await stack.enter_async_context(_reader(stage, "small", last=many - 1, step=step))
        rates = await take_turns(
            stage,
            rounds,
            {
                "few positions": lambda: small.rate(busy),
                "many positions": lambda: large.rate(busy),
                "many at random": lambda: large.rate(draw.sample(range(many), facts)),
            },
        )
    few, even, at_random = (statistics.median(found) for found in rates.values())
    note = f"{many} positions, {facts} facts, {rounds} rounds"
    return [EVEN.result(even, few, note=note), RANDOM.result(at_random, few, note=note)]


BENCHMARK = Benchmark((EVEN, RANDOM), measure)


@dataclass
class _Reader:
    """A service at work that has positions of the numbered calls, all at sequence 1."""

    settings: Settings
    program: Program
    progress: Progress
    said: dict[int, int] = field(default_factory=lambda: defaultdict(lambda: 1))
    """The last sequence of each call."""
    total: int = 0

    async def rate(self, numbers: Iterable[int]) -> float:
        """Say one more thing about each of these calls; how many the service applies a second."""
        facts, events = Facts(self.settings), []
        for number in numbers:
            self.said[number] += 1
            event = _fact(number, self.said[number])
            events.append(facts.envelope(event, sequence=self.said[number]))
        since, self.total = self.total, self.total + len(events)
        chains = records.ready(CALLS, events)
        # Sending takes a tenth of the time or less, and the same for all.
        rate, _ = await asyncio.gather(
            self.progress.rate(self.total, self.program, since=since),
            records.send(self.settings, CALLS, chains),
        )
        return rate


@asynccontextmanager
async def _reader(stage: Stage, name: str, *, last: int, step: int) -> AsyncIterator[_Reader]:
    async with stage.place(SERVICE) as settings:
        await lay_out(settings, SERVICE)
        await _fill(settings, last, step)
        await _settle(admin_url(stage.backing, settings))
        group = topics.group(settings.kafka_prefix, SERVICE.name, CALLS)
        async with (
            Progress(settings, group, CALLS) as progress,
            stage.running(SERVICE, settings, "consume") as program,
        ):
            yield _Reader(settings, program, progress)


async def _fill(settings: Settings, last: int, step: int) -> None:
    conn = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await conn.execute("set maintenance_work_mem = '256MB'")
        await conn.execute(_FILL.format(last=last, step=step), timeout=3600)
    finally:
        await conn.close()


async def _settle(url: str) -> None:
    """What Postgres would do sooner or later is done now, so that it is not done meanwhile."""
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("vacuum (analyze)", timeout=3600)
        await conn.execute("checkpoint", timeout=3600)
    finally:
        await conn.close()


def _fact(number: int, sequence: int) -> Event:
    call_id = UUID(f"{_KEY}{number:012x}")
    now = datetime.now(UTC)
    if sequence % 2:
        return CallClosed(call_id=call_id, closed_at=now)
    return CallOpened(
        call_id=call_id,
        title=Localised(sv="Mänskliga rättigheter", en="Human rights"),
        opens_at=now,
        closes_at=now + timedelta(days=60),
        zone="Europe/Stockholm",
    )
