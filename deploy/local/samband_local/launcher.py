"""`samband up` and `samband down`: one launcher per folder, in front or in the background.

A signal while things start is an exception in the main thread, so whatever is
half started is stopped like everything else. While they stop, signals are
ignored: every step has its time limit, and a process that will not end is
killed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event

import psutil

from samband_local import memory, pids, report
from samband_local.place import Place, read_json
from samband_local.problems import DidNotStart
from samband_local.stack import running

START_SECONDS = 600.0
STOP_SECONDS = 90.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Asked(BaseException):
    """We were asked to stop. Not an Exception: nobody on the way may swallow it."""


@dataclass(frozen=True)
class Wish:
    """What `samband up` was asked for."""

    place: Place
    fresh: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    as_json: bool = False
    needed_mb: int = memory.NEEDED_MB


def stay(wish: Wish) -> None:
    """Start everything, say where, wait to be asked to stop, stop everything."""
    teller = report.Teller(as_json=wish.as_json)

    def ask(*_: object) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise _Asked

    for each in _SIGNALS:
        signal.signal(each, ask)
    try:
        with running(
            wish.place.root,
            fixed_ports=wish.ports,
            fresh=wish.fresh,
            progress=teller.progress,
            tell=teller.tell,
            since=psutil.Process().create_time(),
            needed_mb=wish.needed_mb,
        ) as stack:
            teller.summary(stack.summary())
            Event().wait()
    except _Asked:
        teller.tell("Samband has stopped.")
    finally:
        teller.close()


def detach(wish: Wish) -> None:
    """Start a launcher in the background; return when it runs, or raise what it said."""
    wish.place.make()
    log_path = wish.place.log("launcher")
    command = [sys.executable, "-m", "samband_local", "up", "--data", str(wish.place.root)]
    command += ["--fresh"] if wish.fresh else []
    for name, option in (("gateway", "--port"), ("mailbox", "--mailbox-port")):
        if name in wish.ports:
            command += [option, str(wish.ports[name])]
    log_path.write_bytes(b"")
    with log_path.open("ab") as log:
        # Its summary has a link that signs in: that is for us to show, not for a log to keep.
        process = subprocess.Popen(  # noqa: S603 - our own program and arguments
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    teller = report.Teller(as_json=wish.as_json)
    try:
        _wait(process, wish, teller)
    except BaseException:
        process.terminate()
        process.wait(STOP_SECONDS)
        raise
    finally:
        teller.close()


def _wait(process: subprocess.Popen[bytes], wish: Wish, teller: report.Teller) -> None:
    log_path = wish.place.log("launcher")
    deadline = time.monotonic() + START_SECONDS
    shown = ""
    while True:
        state = read_json(wish.place.state)
        if state.get("launcher") == process.pid and "summary" in state:
            teller.summary(state["summary"])
            return
        lines = _lines(wish)
        if process.poll() is not None:
            teller.close()
            sys.stderr.write((lines[-1] if lines else "The launcher ended without a word.") + "\n")
            sys.exit(process.returncode or 1)
        if lines and lines[-1] != shown:
            shown = lines[-1]
            teller.progress(shown)
        if time.monotonic() > deadline:
            raise DidNotStart("Samband", "it takes too long", log_path)
        time.sleep(0.05)


def _lines(wish: Wish) -> list[str]:
    try:
        return wish.place.log("launcher").read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return []


def stop(place: Place) -> bool:
    """Stop the launcher of this folder and wait; end what a killed one left. Whether there was any."""
    if not place.root.is_dir():
        return False
    process = pids.recorded(place.pids, "launcher") if place.is_owned() else None
    if process is not None:
        process.terminate()
        pids.end([process], grace=STOP_SECONDS)
    with place.owned(wait=5) as left:
        return process is not None or bool(left)
