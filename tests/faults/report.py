"""Report: the page of faults, `docs/reference/reliability.md`, made from the results.

python -m tests.faults.report
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

from tests.faults.cases import MEANING, Area
from tests.faults.results import PAGE, read

_HEAD: Final = """\
# Faults

What was done to Samband on purpose, what had to hold, and what happened. This
page is made by `make faults` from what ran; nobody writes it. Each case starts
real processes, a real Kafka and a real PostgreSQL, lets something go wrong
while seeded work arrives, starts again what died as a supervisor would, waits
until everything is settled, and then compares all tables, Kafka's whole log
and all mails with what was asked for. The time to be well again is noted, not
judged; it counts from the fault until nothing waits any more, on a machine
that tests share.

How it works and how to add a case: [tests/faults](../../tests/faults/README.md).

## What must hold

"""


def render(results: Sequence[Mapping[str, Any]]) -> str:
    """The page."""
    page = _HEAD + "| | |\n|---|---|\n"
    page += "".join(f"| {one.value} | {text} |\n" for one, text in MEANING.items())
    for area in Area:
        rows = [_row(entry) for entry in results if entry["area"] == area.value]
        if rows:
            page += f"\n## {area.value}\n\n"
            page += "| Fault | How | Must hold | What happened | Well again after |\n"
            page += "|---|---|---|---|---|\n" + "".join(rows)
    return page + "\n## Where and when\n\n" + "".join(_runs(results))


def _row(entry: Mapping[str, Any]) -> str:
    held = "held" if entry["outcome"] == "passed" else f"**{entry['outcome']}**"
    runs = "" if entry["runs"] == 1 else f" in {entry['runs']} runs"
    # The name is what a test looks for, and what to run.
    what = f"{entry['fault']}<br>`{entry['name']}`"
    cells = (what, entry["how"], ", ".join(entry["holds"]), held + runs, _recovery(entry))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _recovery(entry: Mapping[str, Any]) -> str:
    seconds = entry["recovery_seconds"]
    if not seconds:
        return ""
    if len(seconds) == 1:
        return f"{seconds[0]:.1f} s"
    return f"{median(seconds):.1f} s (longest {max(seconds):.1f} s)"


def _runs(results: Sequence[Mapping[str, Any]]) -> list[str]:
    runs = {tuple(entry["run"].items()) for entry in results}
    seeds = {seed for entry in results for seed in entry["seeds"]}
    lines = [
        f"- {run['date']}: commit {run['commit']}, {run['cpus']} processors,"
        f" Python {run['python']}, Kafka {run['kafka']}, PostgreSQL {run['postgres']}\n"
        for run in sorted(map(dict, runs), key=lambda run: (str(run["date"]), str(run["commit"])))
    ]
    return [*lines, f"- seeds: {', '.join(map(str, sorted(seeds)))}\n"]


if __name__ == "__main__":
    PAGE.write_text(render(read()), encoding="utf-8")
