"""The image and its list of parts: what the Dockerfile promises without being built."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from samband_kit.web.i18n import LANGUAGES

from tests.architecture.source_tree import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
SERVICES = ("registration", "networks", "notifications")


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_image_runs_as_a_numbered_user_that_is_not_root() -> None:
    user = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE.read_text(), re.MULTILINE)[-1]
    assert "0" not in user


def test_the_image_keeps_babels_words_for_every_language_that_people_are_spoken_to_in() -> None:
    kept = re.findall(r"! -name '(\w+)\*\.dat'", DOCKERFILE.read_text())
    assert set(kept) == set(LANGUAGES)


def test_nothing_but_what_an_image_is_made_from_reaches_the_builder() -> None:
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    assert {line for line in lines if line.startswith("!")} == {
        "!pyproject.toml",
        "!uv.lock",
        "!services",
        "!shared",
        "!deploy/local/pyproject.toml",
    }


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names in the list of parts of each service."""
    folder = tmp_path_factory.mktemp("parts")
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    subprocess.run(
        ["make", "sbom", f"DIST={folder}"],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
    )
    listed = {}
    for service in SERVICES:
        document = json.loads((folder / f"samband-{service}.cdx.json").read_text())
        assert document["bomFormat"] == "CycloneDX"
        assert document["metadata"]["component"]["name"] == f"samband-{service}"
        listed[service] = {part["name"] for part in document["components"]}
    return listed


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_list_of_parts_names_what_it_runs_on(
    parts: dict[str, set[str]], service: str
) -> None:
    assert {"samband-kit", "samband-contracts", "aiokafka", "asyncpg"} <= parts[service]


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_list_of_parts_names_no_other_service_and_no_tool_of_developers(
    parts: dict[str, set[str]], service: str
) -> None:
    others = {f"samband-{other}" for other in SERVICES if other != service} | {"samband-local"}
    assert not parts[service] & (others | {"pytest", "mypy", "ruff", "testcontainers"})
