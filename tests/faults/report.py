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
page is made by `make faults` from what ran; nobody writes it. Kafka and
PostgreSQL are real wherever a case needs them. What else is real differs, and
the name of a case tells:

- `test_faults_…`: services are processes of their own. Something goes wrong
  while seeded work arrives, what died is started again as a supervisor would,
  and when everything is settled the tables, Kafka's log and the mails that the
  case is about are compared with what was asked for. In two of these files
  the sender of mails runs inside the test: `test_faults_erasure.py`, and the
  networks of `test_faults_mail.py`.
- `tests/end_to_end/…`: the whole system as `samband up` runs it, seen through
  its pages and its mailbox.
- `tests/kit/…`, `tests/notifications/…`: the part in question runs inside the
  test, but for the sender that is frozen, and the case compares what its row
  says.

The time to be well again is noted, not judged; it counts from the fault, or
from the end of the load that comes with it, until nothing waits any more, on a
machine that tests share.

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
    is_control = entry["area"] == Area.CONTROLS.value
    held = "caught" if is_control else "held"
    held = held if entry["outcome"] == "passed" else f"**{entry['outcome']}**"
    runs = "" if entry["runs"] == 1 else f" in {entry['runs']} runs"
    # The name is what a test looks for, and what to run.
    what = f"{entry['fault']}<br>`{entry['name']}`"
    # What is broken on purpose never gets well.
    well = "" if is_control else _recovery(entry)
    cells = (what, entry["how"], ", ".join(entry["holds"]), held + runs, well)
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
