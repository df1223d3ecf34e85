"""The page of faults: made from what ran, complete, and as the results say."""

from __future__ import annotations

import subprocess
import sys

from tests.faults.cases import Area, Invariant
from tests.faults.elsewhere import listed
from tests.faults.processes import ROOT
from tests.faults.report import render
from tests.faults.results import PAGE, read, without_seed


def test_the_page_is_what_the_results_make_of_it() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(read())


def test_every_case_has_been_run_and_stands_in_the_page() -> None:
    cases = _cases()
    page = PAGE.read_text(encoding="utf-8")
    missing = sorted(name for name in cases if f"`{name}`" not in page)
    assert not missing, "make faults ARGS='-k …' writes the rows of these"
    assert not sorted({entry["name"] for entry in read()} - cases)


def _cases() -> set[str]:
    """What every case is called; collected beside this run, which may be of a part."""
    declaring = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "tests.faults" in path.read_text(encoding="utf-8")
    }
    options = ["--collect-only", "-q", "-m", "fault", "--full", "--minutes", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *sorted(declaring | set(listed()))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {without_seed(line) for line in done.stdout.splitlines() if "::" in line}


def test_a_failure_is_not_hidden() -> None:
    entry = {
        "name": "test_faults_x.py::test_x",
        "area": Area.RELAY.value,
        "fault": "kill -9 | twice",
        "how": "by hand",
        "holds": [Invariant.I1.value],
        "outcome": "failed",
        "runs": 2,
        "seeds": [1, 2],
        "recovery_seconds": [1.0, 3.0],
        "run": {
            "date": "2026-11-25",
            "commit": "abc",
            "cpus": 2,
            "python": "3",
            "kafka": "4",
            "postgres": "18",
        },
    }
    page = render([entry])
    assert "kill -9 \\| twice" in page
    assert "| I1 | **failed** in 2 runs | 2.0 s (longest 3.0 s) |" in page
    assert "seeds: 1, 2" in page
