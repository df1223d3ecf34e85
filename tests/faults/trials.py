"""Trials: many small runs side by side, because most of a run is waiting.

After a kill -9 Kafka waits ten seconds before it hands the dead consumer's
partitions on, and a mail's lease has to end. Runs that have nothing in common
but the servers wait for that at the same time.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from samband_kit.testing import Backing

from tests.faults.cases import Area, Invariant, case
from tests.faults.history import History

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence

    import pytest


@dataclass(frozen=True)
class Ground:
    """What a run stands on: servers, a folder and a seed of its own."""

    backing: Backing
    folder: Path
    seed: int
    full: bool

    @property
    def about(self) -> str:
        """The run, and how to repeat it."""
        return History(self.folder, self.seed).about


Runs: TypeAlias = "Mapping[tuple[str, int], asyncio.Task[float]]"
"""The trials under way, by name and seed."""
Scenario: TypeAlias = "Callable[[Ground], Awaitable[float]]"
"""A run to its end and its check; the seconds from the fault to being well again."""


@dataclass(frozen=True)
class Trial:
    """A case that is run beside others. `quick` ones belong to `make test` too."""

    name: str
    area: Area
    fault: str
    how: str
    holds: Sequence[Invariant]
    run: Scenario
    quick: bool = True

    @property
    def mark(self) -> pytest.MarkDecorator:
        """What makes it a case of the page."""
        return case(self.area, self.fault, how=self.how, holds=self.holds)


@asynccontextmanager
async def together(
    trials: Mapping[tuple[str, int], tuple[Trial, Ground]], *, at_once: int
) -> AsyncIterator[Runs]:
    """Begin with all of them, `at_once` at a time; those that are not over at the end are ended."""
    gate = asyncio.Semaphore(at_once)

    async def one(trial: Trial, ground: Ground) -> float:
        async with gate:
            return await trial.run(ground)

    tasks = {key: asyncio.create_task(one(*run)) for key, run in trials.items()}
    try:
        yield tasks
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


@asynccontextmanager
async def meanwhile(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Have work done beside the block, to its end.

    When one of the two fails the other one is over too: work that goes on
    would start services again that nobody ends.
    """
    async with asyncio.TaskGroup() as group:
        group.create_task(work)
        yield
