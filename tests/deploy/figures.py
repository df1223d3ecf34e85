"""The figures that alerts and dashboard ask for, with the labels that they name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.alerting import rules

GRAFANA = Path(__file__).parents[2] / "deploy/grafana"
_METRIC = re.compile(r"\b((?:samband|process|faststream|python)_[a-z_]+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r'(\w+)\s*(=~|!=|=)\s*"([^"]*)"')
_BY = re.compile(r"\bby \(([^)]*)\)")


@dataclass(frozen=True)
class Figure:
    """A metric in an expression; `labels` with the values that are asked for."""

    where: str
    metric: str
    labels: tuple[tuple[str, str], ...]


def dashboard() -> dict[str, Any]:
    """The dashboard as it is written."""
    written: dict[str, Any] = json.loads((GRAFANA / "samband.json").read_text(encoding="utf-8"))
    return written


def expressions() -> Iterator[tuple[str, str]]:
    """Where it stands, and the expression as Prometheus gets it."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            asked = target["expr"].replace("$__rate_interval", "5m").replace("$service", ".*")
            yield panel["title"], asked


def figures() -> Iterator[Figure]:
    """Every metric of every expression, with the labels of its own selector."""
    for where, expression in expressions():
        for metric, selector in _METRIC.findall(expression):
            labels = tuple((name, value) for name, _, value in _LABEL.findall(selector))
            yield Figure(where, metric, labels)


def grouped() -> Iterator[tuple[str, set[str], set[str]]]:
    """Where something is added up: the labels that it is added up by, and the metrics."""
    for where, expression in expressions():
        labels = {name.strip() for found in _BY.findall(expression) for name in found.split(",")}
        yield where, labels, {metric for metric, _ in _METRIC.findall(expression)}
