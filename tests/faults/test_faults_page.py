"""The page of faults: made from what ran, and as the results say."""

from __future__ import annotations

from tests.faults.cases import Area, Invariant
from tests.faults.report import render
from tests.faults.results import PAGE, read


def test_the_page_is_what_the_results_make_of_it() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(read())


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
