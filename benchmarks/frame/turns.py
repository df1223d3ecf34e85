"""Turns: those to be compared are measured alternately, so that a busy machine hits all alike."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from benchmarks.frame.stage import Stage

T = TypeVar("T")


async def take_turns(
    stage: Stage, rounds: int, contenders: Mapping[str, Callable[[], Awaitable[T]]]
) -> dict[str, list[T]]:
    """Measure each contender once a round, in the order given; what each got, by name."""
    found: dict[str, list[T]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        for name, measure in contenders.items():
            stage.say(f"round {number} of {rounds}: {name}")
            # What lies about here costs nobody time; services do the same after their start.
            gc.collect()
            gc.freeze()
            found[name].append(await measure())
    return found
