"""Figures: what is measured, what it is held against, and what came out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.frame.stage import Stage


@dataclass(frozen=True, slots=True)
class Target:
    """What the ratio of value to limit should be."""

    bound: float
    at_least: bool

    def is_met(self, ratio: float) -> bool:
        """Whether a ratio is good enough."""
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.bound:g}"


def at_least(bound: float) -> Target:
    """For figures of which more is better."""
    return Target(bound, at_least=True)


def at_most(bound: float) -> Target:
    """For figures of which less is better."""
    return Target(bound, at_least=False)


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of one run. `ratio` is value by limit; `note` says at what size."""

    name: str
    value: float
    unit: str
    limit: float
    ratio: float
    target: str
    met: bool
    note: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that a benchmark yields.

    `means` is one sentence for the reference page; `{value}` and `{limit}` in
    it become the figures with their unit, `{ratio}` the ratio.
    """

    name: str
    unit: str
    target: Target
    means: str

    def result(self, value: float, limit: float, *, note: str = "") -> Result:
        """What came out, rounded to what such a measurement can tell."""
        value, limit = _rounded(value), _rounded(limit)
        ratio = _rounded(value / limit)
        return Result(
            name=self.name,
            value=value,
            unit=self.unit,
            limit=limit,
            ratio=ratio,
            target=str(self.target),
            met=self.target.is_met(ratio),
            note=note,
        )


class NotRun(Exception):
    """A benchmark cannot be run on this machine; the message says what it lacks."""


Measure: TypeAlias = "Callable[[Stage], Awaitable[Sequence[Result]]]"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: the figures it yields, in this order, and how they are measured."""

    figures: tuple[Figure, ...]
    measure: Measure

    @property
    def name(self) -> str:
        """That of its module."""
        return self.measure.__module__.rpartition(".")[2]


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")
