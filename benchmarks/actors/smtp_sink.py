"""smtp-sink: Postfix's own mail server for measuring, which takes everything and keeps nothing.

The one that is installed is used. Else Debian's package is downloaded and
unpacked into the user's cache: nothing is installed and no Postfix is started.
Where neither can be had, what needs it says that it did not run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samband_local.jars import cache_folder
from samband_local.ports import LOOPBACK, free_ports, is_free

from benchmarks.frame.figures import NotRun

_PACKAGE = "postfix"
_PROGRAM = "usr/sbin/smtp-sink"
_LIBRARIES = "usr/lib/postfix"
_MOST_CONNECTIONS = "1024"
_START_SECONDS = 10.0
# The running counters are written over each other on one line: sessions, ends, messages.
_COUNTERS = re.compile(rb"\bmesg=(\d+)")


class NoSmtpSink(NotRun):
    """There is no smtp-sink on this machine, and Debian's package postfix could not be fetched."""


@dataclass(frozen=True)
class Sink:
    """A running smtp-sink."""

    port: int
    counters: Path

    def settings(self) -> dict[str, Any]:
        """What a mail worker has to know to send to it."""
        return {
            "smtp_host": LOOPBACK,
            "smtp_port": self.port,
            "smtp_tls": "none",
            "mail_from": "ICLD Samband <samband@icld.example>",
        }

    def messages(self) -> int:
        """How many messages it has taken, by its own count."""
        counted = _COUNTERS.findall(self.counters.read_bytes())
        return int(counted[-1]) if counted else 0


@contextmanager
def smtp_sink() -> Iterator[Sink]:
    """Run one for the block.

    Raises:
        NoSmtpSink: it cannot be had here.
    """
    program, environment = _program()
    port = free_ports(1)[0]
    # It refuses to stay root.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [program, *user, "-c", "-m", _MOST_CONNECTIONS, f"{LOOPBACK}:{port}", "1024"]
    with tempfile.NamedTemporaryFile(suffix=".smtp-sink") as counters:
        process = subprocess.Popen(command, env=environment, stdout=counters, stderr=counters)
        try:
            _wait(process, port, Path(counters.name))
            yield Sink(port, Path(counters.name))
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, said: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while is_free(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise NoSmtpSink(f"smtp-sink did not start: {said.read_text(errors='replace')}")
        time.sleep(0.02)


def _program() -> tuple[str, dict[str, str]]:
    """The program and the environment that it needs."""
    found = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found:
        return found, dict(os.environ)
    root = cache_folder() / _PACKAGE
    if not (root / _PROGRAM).is_file():
        _fetch(root)
    return str(root / _PROGRAM), {**os.environ, "LD_LIBRARY_PATH": str(root / _LIBRARIES)}


def _fetch(root: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise NoSmtpSink(NoSmtpSink.__doc__)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        download = ["apt-get", "download", _PACKAGE]
        if not _try(download, folder):
            _try(["apt-get", "update"], folder)
            _try(download, folder)
        packages = list(Path(folder).glob(f"{_PACKAGE}_*.deb"))
        unpacked = Path(folder, "unpacked")
        if not packages or not _try(["dpkg-deb", "-x", str(packages[0]), str(unpacked)], folder):
            raise NoSmtpSink(NoSmtpSink.__doc__)
        # In one step: a program that is killed here leaves nothing half.
        shutil.rmtree(root, ignore_errors=True)
        unpacked.rename(root)


def _try(command: Sequence[str], folder: str) -> bool:
    return not subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode
