"""The whole system: `samband up`, and no process that survives it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from samband_local import pids
from samband_local.place import Place
from samband_local.services import NAMES

PROGRAMS = {"postgres", "kafka", "mailbox", "gateway", *NAMES}
KAFKA_MB = 300
SERVICE_MB = 120


class System:
    """`samband` on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder / ".samband")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    @contextmanager
    def in_front(self) -> Iterator[subprocess.Popen[str]]:
        """`samband up` as somebody at a keyboard starts it."""
        launcher = subprocess.Popen(
            self._command("up", "--json"), stdout=subprocess.PIPE, text=True
        )
        try:
            yield launcher
        finally:
            launcher.kill()
            launcher.communicate()

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def processes(self) -> dict[str, psutil.Process]:
        """What is recorded and lives."""
        names = [path.stem for path in self.place.pids.glob("*.pid")]
        found = {name: pids.recorded(self.place.pids, name) for name in names}
        return {name: process for name, process in found.items() if process}

    def _command(self, *arguments: str) -> list[str]:
        command, *rest = arguments
        data = ["--data", str(self.place.root)]
        return [sys.executable, "-m", "samband_local", command, *data, *rest]


def until(check: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=30)


def printed_by(launcher: subprocess.Popen[str]) -> dict[str, Any]:
    """What it says when everything runs."""
    assert launcher.stdout is not None
    found: dict[str, Any] = json.loads(launcher.stdout.readline())
    return found


def all_gone(processes: dict[str, psutil.Process]) -> bool:
    return not any(pids.alive(process.pid) for process in processes.values())


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with tempfile.TemporaryDirectory(prefix="samband-system-") as folder:
        Path(folder).chmod(0o711)
        made = System(Path(folder))
        yield made
        made.run("down")


@pytest.fixture(scope="module")
def first(system: System) -> dict[str, Any]:
    """The first start, in the background; what it printed."""
    done = system.run("up", "--detach", "--json")
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_the_first_start_serves_pages_the_mailbox_and_a_link_for_staff(
    first: dict[str, Any],
) -> None:
    assert get(first["url"]).status_code == 200
    assert "Mailbox" in get(first["mailbox_url"]).text
    assert first["staff_link"].startswith(f"{first['url']}/logga-in/")
    assert get(first["staff_link"]).status_code == 200
    assert get(f"{first['url']}/natverk").status_code < 500
    assert get(f"{first['url']}/utskick").status_code < 500


def test_idle_memory_stays_below_its_limits(first: dict[str, Any]) -> None:
    assert first["memory"]["kafka"]["rss"] <= KAFKA_MB
    for name in NAMES:
        assert first["memory"][name]["rss"] <= SERVICE_MB, name


@pytest.mark.usefixtures("first")
def test_status_names_every_program(system: System) -> None:
    status = system.status()
    assert status["healthy"]
    assert set(status["programs"]) == PROGRAMS
    shown = system.run("status")
    assert shown.returncode == 0
    assert "registration" in shown.stdout


@pytest.mark.usefixtures("first")
def test_a_second_start_is_refused(system: System) -> None:
    done = system.run("up")
    assert done.returncode == 75
    assert "already running" in done.stderr
    assert system.run("reset", "--yes").returncode == 75


@pytest.mark.usefixtures("first")
def test_no_password_stands_in_an_environment_or_a_command_line(system: System) -> None:
    secrets = [path.read_text() for path in system.place.secrets.iterdir() if path.name != "smtp"]
    for process in system.processes().values():
        seen = " ".join(process.cmdline()) + " ".join(process.environ().values())
        assert not any(secret in seen for secret in secrets)


def test_a_service_that_is_killed_is_started_again(system: System, first: dict[str, Any]) -> None:
    victim = system.processes()["registration"]
    victim.kill()
    until(lambda: system.status()["programs"]["registration"]["restarts"] == 1)
    until(lambda: get(first["url"]).status_code == 200)
    until(lambda: system.status()["healthy"])
    assert "registration ended by itself (signal 9)" in system.run("logs", "launcher").stdout


@pytest.mark.usefixtures("first")
def test_down_leaves_no_process(system: System) -> None:
    processes = system.processes()
    done = system.run("down")
    assert done.returncode == 0
    assert done.stdout == "Samband has stopped.\n"
    assert set(processes) == PROGRAMS | {"launcher"}
    assert all_gone(processes)


def test_after_kill_minus_nine_of_the_launcher_the_next_start_ends_what_was_left(
    system: System, first: dict[str, Any]
) -> None:
    system.run("down")
    with system.in_front() as launcher:
        # What people have in their mails still leads here.
        assert printed_by(launcher)["url"] == first["url"]
        left = system.processes()
        launcher.kill()
        launcher.wait()
    assert system.run("status").returncode == 70
    del left["launcher"]
    assert not all_gone(left)

    with system.in_front() as launcher:
        assert printed_by(launcher)["url"] == first["url"]
        assert all_gone(left)
        assert get(first["url"]).status_code == 200
        processes = system.processes()
        # Ctrl-C.
        launcher.send_signal(signal.SIGINT)
        launcher.wait(60)
        assert launcher.returncode == 0
    assert all_gone(processes)
    assert not list(system.place.pids.glob("*.pid"))


def test_a_start_that_is_interrupted_leaves_no_process(system: System) -> None:
    system.run("down")
    with system.in_front() as launcher:
        until(lambda: "kafka" in system.processes())
        processes = system.processes()
        launcher.terminate()
        launcher.wait(60)
        assert launcher.returncode == 0
    assert all_gone(processes)
