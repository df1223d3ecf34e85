"""Keeps programs running: starts them, starts them again when they end, stops them.

Each program has a thread that waits for its end, which costs nothing. A
program that ends by itself is started again, at first at once, then at growing
intervals; one that has run for a while begins anew. Every process is written
down the moment it exists, so that a later launcher can end it if this one is
killed.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path

from samband_local import pids
from samband_local.problems import LocalProblem
from samband_local.programs import Program

DELAYS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the first, second, … start again; the last one stays."""
_STEADY_SECONDS = 30.0


class State(StrEnum):
    """What a program is doing."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting to start again"
    STOPPED = "stopped"
    FAILED = "failed"


class Kept:
    """One program that is kept running."""

    def __init__(
        self,
        name: str,
        program: Program,
        *,
        pid_folder: Path,
        changed: Callable[[], None] = lambda: None,
        tell: Callable[[str], None] = lambda _sentence: None,
        delays: Sequence[float] = DELAYS,
    ) -> None:
        self.name = name
        self.program = program
        self.state = State.STOPPED
        self.restarts = 0
        self.problem: LocalProblem | None = None
        self._pid_folder = pid_folder
        self._changed = changed
        self._tell = tell
        self._delays = delays
        self._stopping = threading.Event()
        self._first = threading.Event()
        self._thread: threading.Thread | None = None
        self._launched = partial(pids.record, pid_folder, name)

    @property
    def pid(self) -> int | None:
        process = self.program.process
        return process.pid if process is not None and process.poll() is None else None

    def begin(self) -> None:
        """Start in the background; `ready` waits for the outcome."""
        self._stopping.clear()
        self._first.clear()
        self.problem = None
        self._enter(State.STARTING)
        self._thread = threading.Thread(target=self._keep, name=f"keep-{self.name}", daemon=True)
        self._thread.start()

    def ready(self) -> None:
        """Wait for the first start. Raises the `LocalProblem` that kept it from starting."""
        self._first.wait()
        if self.state is State.FAILED and self.problem is not None:
            raise self.problem

    def start(self) -> None:
        """`begin` and `ready`."""
        self.begin()
        self.ready()

    def stop(self) -> None:
        """Stop it, and do not start it again until `start`."""
        self._stopping.set()
        self.program.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        # A start that was under way when we asked has finished only now.
        self.program.stop()
        pids.forget(self._pid_folder, self.name)
        self._enter(State.STOPPED)

    def kill(self) -> None:
        """kill -9, as a crash would: it is then started again like after any other end."""
        self.program.kill()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def _enter(self, state: State) -> None:
        self.state = state
        self._changed()

    def _keep(self) -> None:
        failures = 0
        while True:
            started = time.monotonic()
            try:
                process = self.program.start(self._launched)
            except Exception as error:  # noqa: BLE001 - the thread must tell, never die silently
                self._not_started(error)
                if not self._first.is_set():
                    self._enter(State.FAILED)
                    self._first.set()
                    return
            else:
                self.problem = None
                self._enter(State.RUNNING)
                self._first.set()
                if self._stopping.is_set():
                    return
                code = process.wait()
                if not self._stopping.is_set():
                    self._tell(f"{self.name} ended by itself ({_ending(code)})")
            if time.monotonic() - started > _STEADY_SECONDS:
                failures = 0
            delay = self._delays[min(failures, len(self._delays) - 1)]
            failures += 1
            self._enter(State.WAITING)
            if self._stopping.wait(delay):
                return
            self.restarts += 1
            self._enter(State.STARTING)

    def _not_started(self, error: Exception) -> None:
        if isinstance(error, LocalProblem):
            self.problem = error
        else:
            self.problem = LocalProblem(f"{self.name} did not start: {error!r}")
        if not self._stopping.is_set():
            self._tell(str(self.problem))


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"


def stop_all(groups: Sequence[Sequence[Kept]]) -> None:
    """Stop the groups one after the other, the programs of a group at the same time."""
    for group in groups:
        if group:
            with ThreadPoolExecutor(len(group)) as pool:
                list(pool.map(Kept.stop, group))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals are ignored: what is being stopped is stopped to the end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asking = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(each, signal.SIG_IGN) for each in asking]
    try:
        yield
    finally:
        for each, handler in zip(asking, before, strict=True):
            signal.signal(each, handler)
