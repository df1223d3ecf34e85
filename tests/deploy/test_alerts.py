"""Alerts fire when something is wrong, stay quiet when nothing is, and lead to what to do."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.deploy.alert_cases import CASES
from tests.deploy.alerting import RULES, Case, firing, promtool_or_skip, rules

if TYPE_CHECKING:
    from pathlib import Path

LOOK_ALIKES = [case for case in CASES if case.nearly]


def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(
        [promtool_or_skip(), "check", "rules", RULES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == {rule["alert"] for rule in rules()}


def test_no_alert_fires_while_all_is_well(tmp_path: Path) -> None:
    assert firing(tmp_path, {}, 0, 1, 5, 30, 150) == [set()] * 5


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_when_it_should_and_not_before(tmp_path: Path, case: Case) -> None:
    before, then = firing(tmp_path, case.wrong, case.before, case.at)
    assert case.alert not in before
    assert then == {case.alert, *case.too}


@pytest.mark.parametrize("case", LOOK_ALIKES, ids=lambda case: case.alert)
def test_an_alert_is_quiet_about_what_only_looks_alike(tmp_path: Path, case: Case) -> None:
    assert firing(tmp_path, case.nearly, case.at) == [set()]


def test_an_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"}), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}, rule["alert"]
