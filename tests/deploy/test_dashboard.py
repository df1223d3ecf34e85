"""The dashboard is one that Grafana takes: nothing overlaps, everything says what it shows."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from tests.deploy.alerting import promtool_or_skip
from tests.deploy.figures import GRAFANA, dashboard, expressions

if TYPE_CHECKING:
    from pathlib import Path

PANELS: list[dict[str, Any]] = dashboard()["panels"]
DRAWN = [panel for panel in PANELS if panel["type"] != "row"]
KINDS = {"row", "stat", "timeseries", "table"}
WIDTH = 24


def test_no_two_panels_have_one_id_or_one_place() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        cells = {
            (place["x"] + right, place["y"] + down)
            for right in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_panel_says_what_it_shows_and_in_what_unit() -> None:
    assert {panel["type"] for panel in PANELS} <= KINDS
    for panel in DRAWN:
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]


def test_two_panels_of_a_row_have_different_titles() -> None:
    # Two rows may show the same thing: whether, and where.
    row = ""
    titles = set()
    for panel in PANELS:
        if panel["type"] == "row":
            row = panel["title"]
        assert (row, panel["title"]) not in titles
        titles.add((row, panel["title"]))


def test_every_panel_asks_the_data_source_that_is_provisioned() -> None:
    [source] = yaml.safe_load(
        (GRAFANA / "provisioning/datasources/prometheus.yml").read_text(encoding="utf-8")
    )["datasources"]
    asked = {
        (part["datasource"]["type"], part["datasource"]["uid"])
        for panel in DRAWN
        for part in (panel, *panel["targets"])
    }
    assert asked == {(source["type"], source["uid"])}


def test_every_expression_is_one(tmp_path: Path) -> None:
    records = [
        {"record": f"panel:{number}", "expr": expression}
        for number, (_, expression) in enumerate(expressions())
    ]
    asked = tmp_path / "asked.yml"
    asked.write_text(
        yaml.safe_dump({"groups": [{"name": "asked", "rules": records}]}), encoding="utf-8"
    )
    done = subprocess.run(
        [promtool_or_skip(), "check", "rules", asked], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
