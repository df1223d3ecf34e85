"""The ground that all other tests stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from samband_kit.testing.backing import Backing
from samband_local import backing as local_backing
from samband_local import pids
from samband_local.temporary import TEST_PREFIX, sweep


async def test_the_backing_is_a_real_postgres_18(backing: Backing) -> None:
    connection = await asyncpg.connect(backing.postgres_url)
    try:
        assert (
            await connection.fetchval("select current_setting('server_version_num')::int / 10000")
            == 18
        )
    finally:
        await connection.close()


async def test_the_backing_is_a_real_kafka_of_one_broker(backing: Backing) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=backing.kafka_servers)
    await admin.start()
    try:
        cluster = await admin.describe_cluster()
        assert len(cluster["brokers"]) == 1
    finally:
        await admin.close()


def processes_of(folder: Path) -> list[psutil.Process]:
    found = (pids.recorded(folder, name) for name in ("postgres", "kafka"))
    return [process for process in found if process is not None]


def until_gone(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + 15
    while any(pids.alive(process.pid) for process in processes):
        assert time.monotonic() < deadline, "they are still there"
        time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run's folder where `sweep` looks, open to the database's own user."""
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(0o711)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = tmp_path / f"{TEST_PREFIX}run"
    made.mkdir()
    return made


@pytest.fixture
def tests() -> Iterator[subprocess.Popen[bytes]]:
    """Stands for a run of tests."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_servers_end_with_the_tests_that_started_them_and_what_is_left_is_swept(
    folder: Path, tests: subprocess.Popen[bytes]
) -> None:
    stack_json = local_backing.background(folder, owner=tests.pid)
    assert local_backing.background(folder, owner=tests.pid) == stack_json
    first = processes_of(folder)
    assert len(first) == 2
    sweep()
    assert all(process.is_running() for process in first), "what lives must not be swept"
    tests.kill()
    tests.wait()
    until_gone(first)
    assert not stack_json.exists()

    local_backing.background(folder, owner=os.getpid())
    addresses = local_backing.read(stack_json)
    assert addresses is not None
    os.kill(addresses.owner_pid, signal.SIGKILL)
    second = processes_of(folder)
    assert len(second) == 2
    deadline = time.monotonic() + 10
    while folder.exists() and time.monotonic() < deadline:
        sweep()
    until_gone(second)
    assert not folder.exists()
