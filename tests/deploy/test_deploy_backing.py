"""Tests in containers: the images that are operated, and what is left out without them."""

from __future__ import annotations

import os
import subprocess
import sys

import asyncpg
import pytest
import yaml
from samband_kit.testing import Backing

from tests.architecture.source_tree import ROOT
from tests.containers import KAFKA_IMAGE, POSTGRES_IMAGE


def test_tests_use_the_images_that_are_operated() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert services["postgres"]["image"] == POSTGRES_IMAGE
    assert services["kafka"]["image"] == KAFKA_IMAGE


@pytest.mark.containers
async def test_with_containers_tests_talk_to_what_is_inside_of_them(backing: Backing) -> None:
    conn = await asyncpg.connect(backing.postgres_url)
    try:
        assert await conn.fetchval("show data_directory") == "/var/lib/postgresql/18/docker"
    finally:
        await conn.close()
    assert backing.kafka_data is not None
    assert (backing.kafka_data / "meta.properties").exists()


def test_what_needs_docker_is_left_out_and_pytest_says_so() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", __file__]
    inherited = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    found = subprocess.run(
        command, cwd=ROOT, env=inherited, capture_output=True, text=True, check=True
    )
    assert "tests_talk_to" not in found.stdout
    assert "Left out, because they need Docker: 1." in found.stdout
