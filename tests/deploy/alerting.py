"""A Samband that Prometheus has watched for some hours, and what could be wrong with it.

Series are written as promtool wants them: a value for each minute, `0+60x600`
for a clock that runs. A case changes some of the healthy ones.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.deploy import promtool

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES = Path(__file__).parents[2] / "deploy/prometheus/alerts.yml"
MINUTES = 1440
CLOCK = f"0+60x{MINUTES}"
SERVICES = ("registration", "networks", "notifications")
KINDS = {
    "registration": ("serve", "consume"),
    "networks": ("serve", "consume"),
    "notifications": ("serve", "consume", "send"),
}


def steady(value: float) -> str:
    """The same value all the time."""
    return f"{value}x{MINUTES}"


def rising(by: float) -> str:
    """A counter that rises by so much in a minute."""
    return f"0+{by}x{MINUTES}"


def after(minutes: int, value: float, before: float = 0) -> str:
    """One value for so many minutes, and another from then on."""
    return f"{before}x{minutes - 1} {value}x{MINUTES}"


def name(metric: str, /, **labels: str) -> str:
    """A series as it is written."""
    return metric + "{" + ",".join(f"{key}={json.dumps(labels[key])}" for key in labels) + "}"


def healthy() -> dict[str, str]:
    """What all processes show when all is well; two of each kind."""
    return {
        name(metric, service=service, instance=f"{kind}-{number}", **labels): value
        for service in SERVICES
        for kind in KINDS[service]
        for number in (1, 2)
        for metric, value, labels in _of(kind, number)
    }


def _of(kind: str, number: int) -> list[tuple[str, str, dict[str, str]]]:
    shown: list[tuple[str, str, dict[str, str]]] = [
        ("up", steady(1), {}),
        ("samband_kind_active", steady(1), {"kind": kind}),
        ("process_start_time_seconds", steady(1), {}),
        ("process_open_fds", steady(40), {}),
        ("process_max_fds", steady(1024), {}),
        ("process_resident_memory_bytes", steady(110e6), {}),
    ]
    match kind:
        case "serve":
            for status, by in (("200", 10.0), ("500", 0.01)):
                labels = {"status": status, "route": "/", "method": "GET"}
                shown += [
                    ("samband_http_request_seconds_count", rising(by), labels),
                    ("samband_http_request_seconds_bucket", rising(by), {**labels, "le": "0.1"}),
                    ("samband_http_request_seconds_bucket", rising(by), {**labels, "le": "2.5"}),
                    ("samband_http_request_seconds_bucket", rising(by), {**labels, "le": "+Inf"}),
                ]
        case "consume":
            shown += _consuming(number)
        case _:
            shown += [
                ("samband_smtp_connections", steady(number - 1), {}),
                ("samband_deliveries_oldest_seconds", steady(2), {}),
                ("samband_deliveries_uncertain_total", steady(0), {}),
                ("samband_delivery_attempts_total", rising(2), {"state": "sent"}),
                ("samband_delivery_attempts_total", rising(0.05), {"state": "failed"}),
            ]
    return shown


def _consuming(number: int) -> list[tuple[str, str, dict[str, str]]]:
    topic = {"topic": "samband.internal.contact-state"}
    shown: list[tuple[str, str, dict[str, str]]] = [
        ("samband_outbox_measured_timestamp_seconds", CLOCK, {}),
        ("samband_outbox_relay_active", steady(number - 1), {}),
        ("samband_outbox_oldest_age_seconds", steady(0), {}),
        ("samband_outbox_backlog_rows", steady(0), {}),
        ("samband_outbox_blocked_keys", steady(0), {}),
        ("samband_outbox_producer_rebuilds_total", steady(0), {}),
        ("samband_consumer_rebuilds_total", steady(0), {}),
        ("samband_batch_failures_total", steady(0), {**topic, "cause": "infrastructure"}),
        ("samband_forks_total", steady(0), topic),
        ("samband_lag_seconds", steady(0), topic),
    ]
    shown += [
        ("samband_parked_records", steady(0), {**topic, "reason": reason})
        for reason in ("gap", "failed", "unparsable", "fork", "behind")
    ]
    for job, seconds in (("pulse", 3600), ("retention", 3600), ("expire-registrations", 60)):
        # A job that runs once an hour is done when the hour is full.
        done = CLOCK if seconds == 60 else " ".join(f"{3600 * hour}x59" for hour in range(25))
        shown += [
            ("samband_job_interval_seconds", steady(seconds), {"name": job}),
            ("samband_job_done_timestamp_seconds", done, {"name": job}),
            ("samband_job_runs_total", rising(60 / seconds), {"name": job, "outcome": "done"}),
            ("samband_job_runs_total", steady(0), {"name": job, "outcome": "failed"}),
        ]
    return shown


@dataclass(frozen=True)
class Case:
    """Something that is wrong: `alert` fires `at` so many minutes, and not `before` them.

    `nearly` looks alike and is no reason to call anybody. `too` are alerts that
    fire as well, because they are true as well.
    """

    alert: str
    wrong: Mapping[str, str | None]
    at: int
    before: int
    nearly: Mapping[str, str | None] = field(default_factory=dict)
    too: frozenset[str] = frozenset()


def firing(tmp_path: Path, changes: Mapping[str, str | None], *minutes: int) -> list[set[str]]:
    """The alerts that fire after so many minutes each time; None takes a series away."""
    program = promtool_or_skip()
    series = {key: value for key, value in (healthy() | dict(changes)).items() if value is not None}
    question = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": key, "values": series[key]} for key in series],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": f"{at}m",
                        "exp_samples": [{"labels": '{alertname="asked"}', "value": 0}],
                    }
                    for at in minutes
                ],
            }
        ],
    }
    asked = tmp_path / "asked.yml"
    asked.write_text(yaml.safe_dump(question), encoding="utf-8")
    done = subprocess.run(
        [program, "test", "rules", asked], capture_output=True, text=True, check=False
    )
    # promtool only says what it had not expected, so we expect what cannot be.
    said = done.stdout + done.stderr
    got = [line for line in said.splitlines() if line.strip().startswith("got:")]
    assert len(got) == len(minutes), said
    return [{part.split('"')[1] for part in line.split("alertname=")[1:]} for line in got]


def promtool_or_skip() -> Path:
    """The program; where there is none the test counts as not run, or fails if nothing may."""
    found = promtool.find()
    if found is None:
        pytest.skip(promtool.NONE)
    return found


def rules() -> list[dict[str, Any]]:
    """The alerts as they are written."""
    written = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in written["groups"] for rule in group["rules"]]
