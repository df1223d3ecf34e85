"""memory_…: how much each kind of process holds idle, under load, and afterwards.

Value: the resident set (RSS) of a real process, in MB of 1024 x 1024 bytes,
which counts pages that processes share in full for each of them. All ten run
at once: each service as separate processes, and once more as one process.
Idle is some seconds after they are ready. The load is what the other
benchmarks do, all at once: outboxes with tens of thousands of facts to carry
and to apply, a backlog of mails into smtp-sink, people who register and staff
who read lists. The facts are registrations received and accepted in a call that
no network takes members from, by people whom nobody knows yet: the mails about
them wait. The highest reading during it counts; and the last one some
seconds after everything is done.

Limit: no other program's, but a budget: 120 MB idle, 200 MB under load, and
afterwards a tenth more than this process held idle in the same run.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from samband_local.memory import MB

from benchmarks.actors.smtp_sink import smtp_sink
from benchmarks.actors.town import RUN, SERVICES, Load, Town, kinds_of
from benchmarks.frame.figures import Benchmark, Figure, at_most

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.frame.figures import Result
    from benchmarks.frame.processes import Program
    from benchmarks.frame.stage import Stage

IDLE, LOADED, AFTERWARDS = 120, 200, 1.1
_EVERY = 0.1

_PROCESSES = [(one.name, kind) for one in SERVICES for kind in (*kinds_of(one), RUN)]
_SENTENCES = {
    "idle": "`{who}` holds {{value}} idle, of a budget of {{limit}}.",
    "load": "`{who}` holds {{value}} at most under load, of a budget of {{limit}}.",
    "after": "`{who}` holds {{value}} when the load is over; a tenth more than idle is {{limit}}.",
}
_FIGURES = {
    (moment, name, kind): Figure(
        name=f"memory_{moment}_{name}_{kind}",
        unit="MB",
        target=at_most(1),
        means=sentence.format(who=f"{name} {kind}"),
    )
    for moment, sentence in _SENTENCES.items()
    for name, kind in _PROCESSES
}


async def measure(stage: Stage) -> Sequence[Result]:
    """All processes at once: idle, under load, afterwards."""
    load = Load(
        facts=stage.pick(full=50_000, quick=5_000, tiny=50),
        mails=stage.pick(full=20_000, quick=2000, tiny=20),
        forms=stage.pick(full=2000, quick=200, tiny=10),
        pages=stage.pick(full=5000, quick=300, tiny=10),
    )
    settling = stage.pick(full=30.0, quick=5.0, tiny=0.5)
    # Longer than it takes a process to see that it rests.
    resting = stage.pick(full=30.0, quick=8.0, tiny=0.5)
    apart = {one.name: kinds_of(one) for one in SERVICES}
    together = {one.name: [RUN] for one in SERVICES}
    async with AsyncExitStack() as stack:
        sink = stack.enter_context(smtp_sink())
        stage.say("starting ten processes")
        towns = [await Town.start(stage, stack, sink, kinds) for kinds in (apart, together)]
        programs = {at: program for town in towns for at, program in town.programs.items()}
        await asyncio.sleep(settling)
        idle = _readings(programs)
        highest = dict(idle)
        stage.say("load on all of them")
        watching = asyncio.create_task(_watch(programs, highest))
        try:
            await asyncio.gather(*(town.load(load) for town in towns))
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        stage.say("letting them rest")
        await asyncio.sleep(resting)
        after = _readings(programs)
    note = f"{load.facts} facts an outbox, {load.mails} mails, {load.forms} forms"
    found = {
        "idle": (idle, dict.fromkeys(idle, float(IDLE))),
        "load": (highest, dict.fromkeys(idle, float(LOADED))),
        "after": (after, {at: AFTERWARDS * held for at, held in idle.items()}),
    }
    return [
        figure.result(found[moment][0][name, kind], found[moment][1][name, kind], note=note)
        for (moment, name, kind), figure in _FIGURES.items()
    ]


BENCHMARK = Benchmark(tuple(_FIGURES.values()), measure)


async def _watch(
    programs: Mapping[tuple[str, str], Program], highest: dict[tuple[str, str], float]
) -> None:
    while True:
        await asyncio.sleep(_EVERY)
        for at, held in _readings(programs).items():
            highest[at] = max(highest[at], held)


def _readings(programs: Mapping[tuple[str, str], Program]) -> dict[tuple[str, str], float]:
    return {at: program.memory() / MB for at, program in programs.items()}
