"""The folder that one installation keeps everything in, `.samband/`.

It belongs to at most one launcher at a time: whoever holds `launcher.lock`.
The lock ends with its process, however that ends, so who gets it may end
whatever processes the last one left behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from samband_local import pids
from samband_local.problems import AlreadyRunning, NotOurs, NotWritable

DEFAULT_NAME = ".samband"
# Where PostgreSQL's files go when root keeps a checkout in a closed home: the
# server runs as another user, who could not reach them there.
SHELTER = Path("/var/lib/samband")
# Who finds this file in a folder may delete what Samband keeps there.
_MARKER = ".made-by-samband"
_LOCK = "launcher.lock"
_MAX_LOG_BYTES = 5 * 1024 * 1024


def nearest(start: Path) -> Path:
    """`.samband` in `start` or the nearest folder above that has one; else the one to be in `start`."""
    for folder in (start, *start.parents):
        if (folder / DEFAULT_NAME).is_dir():
            return folder / DEFAULT_NAME
    return start / DEFAULT_NAME


@dataclass(frozen=True)
class Place:
    """The paths inside the folder."""

    root: Path

    @property
    def pids(self) -> Path:
        return self.root / "pids"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def mailbox(self) -> Path:
        return self.root / "mailbox"

    @property
    def gateway(self) -> Path:
        return self.root / "gateway"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def prepared(self) -> Path:
        return self.root / "prepared.json"

    @property
    def postgres(self) -> Path:
        if os.geteuid() == 0 and not open_to_others(self.root.parent):
            mark = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
            return SHELTER / mark / "postgres"
        return self.root / "postgres"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Create the folders, closed to other users, or raise `NotWritable` or `NotOurs`."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.check_ours()
            (self.root / _MARKER).touch(mode=0o600)
            # Others may pass through but not look: PostgreSQL's user has to.
            self.root.chmod(0o711)
            for folder in self._private:
                folder.mkdir(exist_ok=True)
                folder.chmod(0o700)
            self._keep_logs_small()
            self._forget_lost_database()
        except OSError as error:
            raise NotWritable(self.root, error.strerror or "no access") from error

    def remove(self, *, but_logs: bool = False) -> None:
        """Delete everything that Samband keeps, and nothing else; the owner alone may.

        Raises:
            NotOurs: the folder holds something, and Samband did not make it.
        """
        self.check_ours()
        with suppress(FileNotFoundError):
            if self.postgres.parent != self.root:
                shutil.rmtree(self.postgres.parent)
        # The lock's file stays while it is held, and so does the marker.
        for folder in (*self._private, self.root / "postgres"):
            if folder.is_dir() and not (but_logs and folder == self.logs):
                shutil.rmtree(folder)
        for note in (self.state, self.ports, self.prepared):
            note.unlink(missing_ok=True)
            _unfinished(note).unlink(missing_ok=True)

    def check_ours(self) -> None:
        """Raise `NotOurs` if the folder holds something and Samband did not make it."""
        if (self.root / _MARKER).exists() or not self.root.is_dir():
            return
        if any(entry.name != _LOCK for entry in self.root.iterdir()):
            raise NotOurs(self.root)

    @property
    def _private(self) -> tuple[Path, ...]:
        return (self.pids, self.logs, self.secrets, self.kafka, self.mailbox, self.gateway)

    def _forget_lost_database(self) -> None:
        # Somebody deleted the folder by hand, and with it the passwords of a
        # database that lies elsewhere: nobody can open that any more.
        elsewhere = self.postgres.parent
        if elsewhere != self.root and not (self.secrets / "postgres_password").exists():
            shutil.rmtree(elsewhere, ignore_errors=True)

    def _keep_logs_small(self) -> None:
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > _MAX_LOG_BYTES:
                log.replace(log.with_suffix(".log.1"))

    @contextmanager
    def owned(self, *, wait: float = 0) -> Iterator[list[str]]:
        """Be the launcher, or raise `AlreadyRunning`.

        What the last one left running is ended first; gives the names.
        """
        if not self.root.is_dir():
            self.make()
        self.check_ours()
        lock = FileLock(self.root / _LOCK, mode=0o600)
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            raise AlreadyRunning(self.root) from None
        except PermissionError as error:
            raise NotWritable(self.root, error.strerror or "no access") from error
        try:
            yield pids.end_leftovers(self.pids, self.root)
        finally:
            lock.release()

    def is_owned(self) -> bool:
        """Whether a launcher lives."""
        if not (self.root / _LOCK).exists():
            return False
        lock = FileLock(self.root / _LOCK, mode=0o600)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False


def open_to_others(folder: Path) -> bool:
    """Whether other users can pass through `folder` and all above it."""
    resolved = folder.resolve()
    return all(
        each.stat().st_mode & 0o001 for each in (resolved, *resolved.parents) if each.exists()
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in the file; empty when there is none or it is damaged."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Replace the file in one step, readable by its owner alone."""
    new = _unfinished(path)
    new.touch(mode=0o600)
    new.write_text(json.dumps(content, indent=2))
    new.replace(path)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".new")
