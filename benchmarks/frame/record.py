"""Record: `results.json`, what the last run of each benchmark found.

A list of objects: a `Result`, the size it was measured at, and the environment
of its run. A run replaces the figures that it measured and leaves the others.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.frame.environment import ROOT, Environment
from benchmarks.frame.figures import Result
from benchmarks.frame.stage import Size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RESULTS = ROOT / "benchmarks/results.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One figure as it is kept."""

    result: Result
    size: Size
    environment: Environment

    def as_json(self) -> dict[str, Any]:
        """The object in the list."""
        return asdict(self.result) | {
            "size": self.size.value,
            "environment": asdict(self.environment),
        }


def read(path: Path = RESULTS) -> list[Entry]:
    """What is kept; nothing when there is no file yet."""
    try:
        objects = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [_entry(one) for one in objects]


def keep(entries: Sequence[Entry], order: Sequence[str], path: Path = RESULTS) -> None:
    """Replace the figures of the same names; figures in `order`, unknown ones dropped."""
    kept = {entry.result.name: entry for entry in [*read(path), *entries]}
    objects = [kept[name].as_json() for name in order if name in kept]
    half_written = path.with_suffix(".new")
    half_written.write_text(json.dumps(objects, indent=2, ensure_ascii=False) + "\n", "utf-8")
    half_written.replace(path)


def _entry(one: dict[str, Any]) -> Entry:
    rest = dict(one)
    size, environment = Size(rest.pop("size")), Environment(**rest.pop("environment"))
    return Entry(Result(**rest), size, environment)
