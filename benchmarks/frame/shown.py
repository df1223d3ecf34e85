"""Shown: figures as people read them, in the terminal and on the reference page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.frame.environment import Environment
    from benchmarks.frame.figures import Figure, Result
    from benchmarks.frame.record import Entry

_HEADS = ("benchmark", "value", "limit", "unit", "ratio", "target", "met")

_PAGE = """\
# Performance

What Samband costs, beside what the same machine does without it. This page is
written by `python -m benchmarks render` from `benchmarks/results.json`; to
measure on your own machine, run `make bench`.

*Limit* is what the value is held against, measured in the same run, taking
turns with Samband; *ratio* is value by limit. Of most it is the same work done
by hand with nothing but the client libraries. Where the question is growth it is
Samband itself: with little waiting (`relay_with_backlog`, `consumer_*`), or with
one worker (`mail_workers_2`). Of memory it is a budget, which nobody measures.
Each module in `benchmarks/` says what exactly is measured and why its limit is
honest. Clients and servers share the cores in both.

| Figure | Value | Limit | Unit | Ratio | Target | Met |
|---|---:|---:|---|---:|---|---|
{rows}

## What they mean

{meanings}

## Measured on

{environments}
"""


def number(value: float) -> str:
    """A figure as text: four digits at most, thousands apart."""
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.4g}"


def table(results: Sequence[Result]) -> str:
    """The results in columns."""
    rows = [_HEADS, *(_cells(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def environment_line(environment: Environment) -> str:
    """The environment in one line."""
    return (
        f"{environment.processor}, {environment.cores} cores, {environment.memory_gb} GB; "
        f"{environment.system}; Python {environment.python}; PostgreSQL {environment.postgres}; "
        f"Kafka {environment.kafka}; commit {environment.commit}; {environment.date}; "
        f"load before {environment.load:g}"
    )


def page(entries: Sequence[Entry], figures: Mapping[str, Figure]) -> str:
    """The text of docs/reference/performance.md."""
    results = [entry.result for entry in entries]
    where: dict[str, list[str]] = {}
    for entry in entries:
        line = f"{environment_line(entry.environment)}; size {entry.size}"
        where.setdefault(line, []).append(f"`{entry.result.name}`")
    return _PAGE.format(
        rows="\n".join(_row(result) for result in results),
        meanings="\n".join(
            f"- `{result.name}`: {_meaning(figures[result.name], result)}" for result in results
        ),
        environments="\n".join(f"- {line}: {', '.join(names)}" for line, names in where.items()),
    )


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.name,
        number(result.value),
        number(result.limit),
        result.unit,
        number(result.ratio),
        result.target,
        "yes" if result.met else "NO",
    )


def _row(result: Result) -> str:
    name, *rest = _cells(result)
    return f"| `{name}` | {' | '.join(rest)} |"


def _meaning(figure: Figure, result: Result) -> str:
    sentence = figure.means.format(
        value=f"{number(result.value)} {result.unit}",
        limit=f"{number(result.limit)} {result.unit}",
        ratio=number(result.ratio),
    )
    return f"{sentence} Size: {result.note}." if result.note else sentence
