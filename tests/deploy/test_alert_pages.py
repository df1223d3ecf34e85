"""Every alert leads to a heading that describes it, and no heading is left of one that is gone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.alerting import SERVICES, rules

ROOT = Path(__file__).parents[2]
PAGE = "docs/operating/alerts.md"
SECTION = re.compile(r"^### (\w+)\n\n(Critical|Warning)\. ", re.MULTILINE)


def test_every_alert_is_described_with_its_severity() -> None:
    described = SECTION.findall((ROOT / PAGE).read_text(encoding="utf-8"))
    assert [(name, severity.lower()) for name, severity in described] == [
        (rule["alert"], rule["labels"]["severity"]) for rule in rules()
    ]


def test_every_runbook_points_at_its_heading() -> None:
    assert not [
        rule["alert"]
        for rule in rules()
        if rule["annotations"]["runbook"] != f"{PAGE}#{rule['alert'].lower()}"
    ]


def test_prometheus_calls_every_process_by_the_service_that_the_alerts_ask_for() -> None:
    [scraped] = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())[
        "scrape_configs"
    ]
    processes = {name for found in scraped["dns_sd_configs"] for name in found["names"]}
    named = {process: _relabelled(process, scraped["relabel_configs"]) for process in processes}
    assert set(named.values()) == set(SERVICES)
    assert not [process for process in named if process[:8] != named[process][:8]]


def _relabelled(process: str, steps: list[dict[str, Any]]) -> str:
    """What Prometheus makes of the name of a process: the label `service`."""
    labels = {"__meta_dns_name": process}
    for step in steps:
        value = ";".join(labels.get(name, "") for name in step["source_labels"])
        found = re.fullmatch(step.get("regex", "(.*)"), value)
        if found:
            template = step.get("replacement", "$1").replace("$1", r"\1")
            labels[step["target_label"]] = found.expand(template)
    return labels["service"]
