"""Programs are kept running, and none outlives its launcher's next start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from samband_local import pids
from samband_local.problems import DidNotStart
from samband_local.programs import Command
from samband_local.supervisor import Kept, State, stop_all

SLEEPER = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def until(check: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class Nursery:
    """Small programs in a folder; none is left when the test ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children: list[Kept] = []
        self.told: list[str] = []

    def keep(self, name: str, code: str, *, stop_seconds: float = 5) -> Kept:
        log = self.folder / f"{name}.log"
        command = Command(
            title=name,
            arguments=[sys.executable, "-c", code],
            environment=dict(os.environ),
            folder=self.folder,
            log=log,
            is_ready=lambda: "up" in log.read_text() if "'up'" in code else True,
            stop_seconds=stop_seconds,
        )
        kept = Kept(
            name, command, pid_folder=self.folder, tell=self.told.append, delays=(0.05, 0.2, 0.4)
        )
        self.children.append(kept)
        return kept


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    made = Nursery(tmp_path)
    yield made
    stop_all([made.children])


def test_a_program_that_is_killed_is_started_again_with_another_id(nursery: Nursery) -> None:
    kept = nursery.keep("sleeper", SLEEPER)
    kept.start()
    first = kept.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: kept.pid not in (None, first))
    assert kept.restarts == 1
    assert kept.state is State.RUNNING
    assert nursery.told == ["sleeper ended by itself (signal 9)"]


def test_restarts_come_at_growing_intervals(nursery: Nursery) -> None:
    log = nursery.folder / "times.log"
    code = f"import time; open({str(log)!r}, 'a').write(f'{{time.time()}}\\n')"
    kept = nursery.keep("mayfly", code)
    kept.start()
    until(lambda: log.exists() and len(log.read_text().splitlines()) >= 4)
    times = [float(line) for line in log.read_text().splitlines()]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[1] >= 0.2
    assert gaps[2] >= 0.4


def test_a_first_start_that_fails_says_the_last_words(nursery: Nursery) -> None:
    kept = nursery.keep("broken", "print('up?'[:0]); raise SystemExit('the disk is on fire')")
    kept.program.is_ready = lambda: False  # type: ignore[attr-defined]  # a Command
    with pytest.raises(DidNotStart, match="the disk is on fire"):
        kept.start()
    assert kept.state is State.FAILED
    assert kept.restarts == 0


def test_a_stopped_program_stays_down_until_it_is_started(nursery: Nursery) -> None:
    kept = nursery.keep("sleeper", SLEEPER)
    kept.start()
    kept.stop()
    time.sleep(0.3)
    assert kept.pid is None
    assert not list(nursery.folder.glob("*.pid"))
    kept.start()
    assert kept.pid is not None


def test_a_program_that_ignores_the_request_to_stop_is_killed(nursery: Nursery) -> None:
    kept = nursery.keep("deaf", DEAF, stop_seconds=0.3)
    kept.start()
    pid = kept.pid
    assert pid is not None
    kept.stop()
    assert pids.alive(pid) is None


def test_stopping_does_not_wait_for_a_restart_that_is_pending(nursery: Nursery) -> None:
    kept = nursery.keep("mayfly", "pass")
    kept._delays = (30.0,)
    kept.start()
    until(lambda: kept.state is State.WAITING)
    began = time.monotonic()
    kept.stop()
    assert time.monotonic() - began < 2


def test_what_a_killed_launcher_left_is_ended_by_the_next(tmp_path: Path) -> None:
    launcher = (
        "import subprocess, sys, os; from pathlib import Path; from samband_local import pids;"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], start_new_session=True, stdout=subprocess.DEVNULL);"
        "pids.record(Path(sys.argv[1]), 'orphan', child.pid);"
        "print(child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", launcher, str(tmp_path)], stdout=subprocess.PIPE, check=False
    )
    orphan = int(done.stdout)
    assert pids.alive(orphan) is not None
    assert pids.end_leftovers(tmp_path, tmp_path) == ["orphan"]
    assert pids.alive(orphan) is None
    assert not list(tmp_path.glob("*.pid"))


def test_what_was_started_just_before_the_kill_and_never_written_down_is_ended_too(
    tmp_path: Path,
) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    children = [
        subprocess.Popen([sys.executable, "-c", SLEEPER], env={**os.environ, **pids.mark(each)})
        for each in (mine, other)
    ]
    try:
        until(lambda: all(psutil.Process(child.pid).environ() for child in children))
        assert pids.end_leftovers(mine, mine) == [f"process {children[0].pid}"]
        assert children[0].wait(5) == -signal.SIGTERM
        assert children[1].poll() is None
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_a_process_is_recognised_by_what_was_written_down_the_moment_it_began(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", SLEEPER]
    for number in range(30):
        child = subprocess.Popen(command)
        try:
            pids.record(tmp_path, str(number), child.pid)
            found = pids.recorded(tmp_path, str(number))
            assert found is not None
            assert found.pid == child.pid
        finally:
            child.kill()
            child.wait()


def test_a_process_that_got_a_recorded_id_by_chance_is_left_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", SLEEPER])
    try:
        pids.record(tmp_path, "ours", bystander.pid)
        record = tmp_path / "ours.pid"
        record.write_text(record.read_text().replace("time.sleep(60)", "time.sleep(61)"))
        assert pids.end_leftovers(tmp_path, tmp_path) == []
        assert psutil.pid_exists(bystander.pid)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_zombie_counts_as_gone(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", SLEEPER])
    pids.record(tmp_path, "zombie", child.pid)
    child.kill()
    until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    began = time.monotonic()
    assert pids.end_leftovers(tmp_path, tmp_path) == []
    assert time.monotonic() - began < 1
    child.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x"}', '{"pid": -1}'])
def test_a_damaged_record_is_thrown_away(tmp_path: Path, content: str) -> None:
    (tmp_path / "torn.pid").write_text(content)
    assert pids.end_leftovers(tmp_path, tmp_path) == []
    assert not (tmp_path / "torn.pid").exists()
