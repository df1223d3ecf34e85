"""PostgreSQL from its wheel, driven by its own programs over TCP with passwords.

The package's Python interface is not used: it knows neither ports nor
passwords, and after its launcher was killed it never stops the server. Here
the server is a child process like every other, so it is waited for, and its
death is seen at once. Data survive kill -9 of the server and of the launcher.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from samband_local import pids
from samband_local.place import open_to_others
from samband_local.problems import ClosedFolder, DidNotStart, NotWritable, PortTaken
from samband_local.programs import Launched, untold
from samband_local.wheels import postgres_programs, reachable_programs

START_SECONDS = 30.0
STOP_SECONDS = 20.0
# Rests of a killed server hold its lock and its shared memory for a moment:
# process 1 collects the dead late, and the sessions have to notice.
_PASSING = ("postmaster.pid", "shared memory block")
_PASSING_SECONDS = 10.0

# What a machine that several processes share can spare, and what tests can
# risk on top of it: they throw the data away.
_SETTINGS = {
    "shared_buffers": "64MB",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
}
_CARELESS = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class PostgresPlan:
    """Where a server keeps its data and where it listens."""

    folder: Path
    """Belongs to the server alone; the data lie in `folder/data`."""
    port: int
    password: str
    log: Path
    careless: bool = False
    """Tests only: a power cut may lose data, a kill -9 does not."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(
        self, *, user: str = "postgres", password: str | None = None, database: str = "postgres"
    ) -> str:
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"


class Postgres:
    """One server: `start`, `stop`, `kill`, as often as one likes."""

    def __init__(self, plan: PostgresPlan) -> None:
        self.plan = plan
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, launched: Launched = untold) -> subprocess.Popen[bytes]:
        """Create the data if there are none, start, return when connections are accepted.

        Recovers by itself after a kill -9 and from lock files left behind.
        Raises `PortTaken` or `DidNotStart`.
        """
        self._own_folder()
        if not self.plan.data.exists():
            self._create()
        deadline = time.monotonic() + _PASSING_SECONDS
        while True:
            self._clear_stale_lock()
            log_start = self.plan.log.stat().st_size if self.plan.log.exists() else 0
            process = self.process = self._launch()
            launched(process.pid)
            if self._ready(process):
                return process
            said = self._said_since(log_start)
            if "could not bind" in said:
                raise PortTaken(self.plan.port, "PostgreSQL")
            if not any(each in said for each in _PASSING) or time.monotonic() > deadline:
                reason = said.strip().splitlines()[-1] if said.strip() else "it said nothing"
                raise DidNotStart("PostgreSQL", reason, self.plan.log)
            time.sleep(0.3)

    def stop(self) -> None:
        """Stop: sessions are cut, what was committed is on disk."""
        self._signal_and_wait(signal.SIGINT)

    def kill(self) -> None:
        """kill -9, as a crash would: for tests."""
        self._signal_and_wait(signal.SIGKILL)

    def _signal_and_wait(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(STOP_SECONDS)

    def _own_folder(self) -> None:
        try:
            self.plan.folder.mkdir(parents=True, exist_ok=True)
            self.plan.log.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NotWritable(self.plan.folder, error.strerror or "no access") from error
        if os.geteuid() != 0:
            return
        for parent in self.plan.folder.resolve().parents:
            if not open_to_others(parent):
                raise ClosedFolder(parent)
        nobody = pwd.getpwnam("nobody")
        if self.plan.folder.stat().st_uid != nobody.pw_uid:
            os.chown(self.plan.folder, nobody.pw_uid, nobody.pw_gid)
        self.plan.folder.chmod(0o700)

    def _create(self) -> None:
        # Under another name until it is complete: a half-made one would never start.
        half_made = self.plan.folder / "data.new"
        shutil.rmtree(half_made, ignore_errors=True)
        password_file = self.plan.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.plan.password)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(password_file, nobody.pw_uid, nobody.pw_gid)
        command = [
            str(reachable_programs(postgres_programs()) / "initdb"),
            *("-D", str(half_made), "-U", "postgres"),
            *("-A", "scram-sha-256", "--pwfile", str(password_file)),
            # The wheel has neither ICU nor sv_SE: names are sorted by a key
            # that Python writes, everything else by code point.
            *("-E", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        ]
        if self.plan.careless:
            command.append("--no-sync")
        done = subprocess.run(  # noqa: S603 - our own program and arguments
            command, capture_output=True, text=True, check=False, cwd="/", **_as_nobody()
        )
        password_file.unlink()
        if done.returncode:
            with self.plan.log.open("a") as log:
                log.write(done.stdout + done.stderr)
            reason = (done.stderr.strip() or "initdb failed").splitlines()[-1]
            raise DidNotStart("PostgreSQL", reason, self.plan.log)
        half_made.replace(self.plan.data)

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = _SETTINGS | (_CARELESS if self.plan.careless else {})
        command = [
            str(reachable_programs(postgres_programs()) / "postgres"),
            "-D",
            str(self.plan.data),
        ]
        command += ["-h", "127.0.0.1", "-p", str(self.plan.port), "-k", ""]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self.plan.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own program and arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                **_as_nobody(),
            )

    def _ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for the server to write "ready" into its lock file, as pg_ctl does."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return False
            lines = self._lock_lines()
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(0.02)
        process.kill()
        process.wait()
        raise DidNotStart("PostgreSQL", f"not ready after {START_SECONDS:.0f} s", self.plan.log)

    def _lock_lines(self) -> list[str]:
        try:
            return (self.plan.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _clear_stale_lock(self) -> None:
        """Stop a server that an earlier launcher left; remove a lock that means nothing.

        A lock whose process is gone is left to PostgreSQL, which checks the
        shared memory named in it. One whose id now belongs to some other
        process of the same user, or to a zombie, would be refused for ever.
        """
        lines = self._lock_lines()
        if not lines or not lines[0].strip().isdigit():
            return
        pid = int(lines[0])
        if not psutil.pid_exists(pid):
            return
        process = pids.alive(pid)
        if process is not None and self._is_our_server(process):
            process.send_signal(signal.SIGINT)
            pids.end([process], grace=STOP_SECONDS)
            return
        pids.end(self._orphaned_sessions(), grace=5)
        (self.plan.data / "postmaster.pid").unlink(missing_ok=True)

    def _is_our_server(self, process: psutil.Process) -> bool:
        try:
            return str(self.plan.data) in process.cmdline()
        except psutil.Error:
            return False

    def _orphaned_sessions(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.name() == "postgres" and Path(process.cwd()) == self.plan.data.resolve():
                    found.append(process)
        return found

    def _said_since(self, offset: int) -> str:
        with self.plan.log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")


def _as_nobody() -> dict[str, Any]:
    """How subprocess starts a program that refuses to be root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
