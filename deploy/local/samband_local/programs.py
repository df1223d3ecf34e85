"""One program as a child process: how it starts, how one knows it is ready, how it stops."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from samband_local.problems import DidNotStart

Launched = Callable[[int], None]
"""Told a process id the moment there is one, so that it can be written down."""


def untold(_pid: int) -> None:
    """Nobody wants to know."""


class Program(Protocol):
    """What the supervisor keeps running. PostgreSQL and Kafka are two, `Command` the rest."""

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The running process, if there is one."""

    def start(self, launched: Launched = ...) -> subprocess.Popen[bytes]:
        """Start; return when it is ready. Raises a `LocalProblem`, with nothing left running."""

    def stop(self) -> None:
        """Ask it to stop, wait, kill it if it takes too long."""

    def kill(self) -> None:
        """kill -9."""


@dataclass
class Command:
    """A program that says by itself when it is ready: `is_ready` asks it."""

    title: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    is_ready: Callable[[], bool] = field(default=lambda: True)
    start_seconds: float = 60.0
    stop_seconds: float = 25.0
    process: subprocess.Popen[bytes] | None = None
    _was_ready: bool = False

    def start(self, launched: Launched = untold) -> subprocess.Popen[bytes]:
        """Start; the first time, wait until it is ready.

        Later it counts as started when it runs: a service that cannot be ready
        because something else is down must not be killed for that.
        """
        log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program and arguments
                list(self.arguments),
                env=dict(self.environment),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.process = process
        launched(process.pid)
        if not self._was_ready:
            self._wait_until_ready(process, log_start)
            self._was_ready = True
        return process

    def stop(self) -> None:
        self._signal_and_wait(signal.SIGTERM)

    def kill(self) -> None:
        self._signal_and_wait(signal.SIGKILL)

    def _signal_and_wait(self, how: signal.Signals) -> None:
        process = self.process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(self.stop_seconds)
        self.process = None

    def _wait_until_ready(self, process: subprocess.Popen[bytes], log_start: int) -> None:
        deadline = time.monotonic() + self.start_seconds
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self.process = None
                raise DidNotStart(self.title, self._last_words(log_start), self.log)
            if self.is_ready():
                return
            time.sleep(0.1)
        self.kill()
        raise DidNotStart(self.title, f"not ready after {self.start_seconds:.0f} s", self.log)

    def _last_words(self, log_start: int) -> str:
        with self.log.open("rb") as log:
            log.seek(log_start)
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it ended without a word"


def answers(url: str, *, seconds: float = 2.0) -> bool:
    """Whether the address on this machine answers with 200.

    Asked often while things start, and so without a client that first loads
    certificates.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def listens(port: int) -> bool:
    """Whether something accepts connections on this port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
