"""Which processes are ours, also after the one that started them was killed.

Every process is written down the moment it exists, as `<name>.pid` in the run
folder: its id, when it was created and its command line. Only a process that
still matches all three is ever signalled, so a reused id hurts nobody. What
was killed together with its record half written carries the folder's name in
its environment. A zombie counts as gone: where process 1 does not collect
orphans it stays for ever, and it can do nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import psutil

# psutil derives creation times from the boot time, which moves a little when
# the clock is set; two processes with the same id and command line within
# this time do not happen.
_SAME_START_SECONDS = 5.0

_MARK = "_SAMBAND_STARTED_IN"


def mark(root: Path) -> dict[str, str]:
    """What to put into the environment of each process started for `root`."""
    return {_MARK: str(root)}


def record(folder: Path, name: str, pid: int) -> None:
    """Write down process `pid` as `name`; atomic, so a reader sees all or nothing."""
    try:
        process = psutil.Process(pid)
        entry = {"pid": pid, "created": process.create_time(), "cmdline": _command_line(process)}
    except psutil.NoSuchProcess:
        return
    path = folder / f"{name}.pid"
    half_written = path.with_suffix(".pid.new")
    half_written.write_text(json.dumps(entry))
    half_written.replace(path)


def _command_line(process: psutil.Process) -> list[str]:
    # The kernel lets the parent of a new process go on a moment before the
    # new command line can be read; until then it reads as empty.
    deadline = time.monotonic() + 1
    while not (found := process.cmdline()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return found


def forget(folder: Path, name: str) -> None:
    """Remove what `record` wrote."""
    (folder / f"{name}.pid").unlink(missing_ok=True)


def alive(pid: int) -> psutil.Process | None:
    """The process, unless it is gone or a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
    except psutil.NoSuchProcess:
        return None
    return process


def recorded(folder: Path, name: str) -> psutil.Process | None:
    """The process recorded as `name` if it still lives and is still the same."""
    try:
        entry = json.loads((folder / f"{name}.pid").read_text())
        pid, created, cmdline = int(entry["pid"]), float(entry["created"]), entry["cmdline"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    process = alive(pid)
    if process is None:
        return None
    try:
        began_then = abs(process.create_time() - created) < _SAME_START_SECONDS
        same = began_then and (process.cmdline() == cmdline or not cmdline)
    except psutil.NoSuchProcess:
        return None
    return process if same else None


def end_leftovers(folder: Path, root: Path, *, grace: float = 10.0) -> list[str]:
    """End every process recorded in `folder` or marked with `root` that still lives.

    Asks first (SIGTERM, for PostgreSQL SIGINT: its "fast" stop), kills after
    `grace` seconds, forgets the records. Answers the names of those that had
    to be ended. Only whoever owns `root` may call this.
    """
    found: dict[str, psutil.Process] = {}
    for path in sorted(folder.glob("*.pid")):
        process = recorded(folder, path.stem)
        if process is not None and process.pid != os.getpid():
            found[path.stem] = process
    known = {process.pid for process in found.values()}
    strays = [process for process in _marked(root) if process.pid not in known]
    found |= {f"process {process.pid}": process for process in strays}
    for name, process in found.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
    end(list(found.values()), grace=grace)
    for path in folder.glob("*.pid"):
        path.unlink(missing_ok=True)
    return list(found)


def _marked(root: Path) -> list[psutil.Process]:
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        # Others' environments are closed to us, and some end while we look.
        with contextlib.suppress(psutil.Error, OSError):
            marked = process.environ().get(_MARK) == str(root)
            if marked and process.pid not in ours and alive(process.pid):
                found.append(process)
    return found


def end(processes: list[psutil.Process], *, grace: float) -> None:
    """Wait until all have ended; kill what is left after `grace` seconds."""
    stubborn = _still_alive(processes, grace)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _still_alive(stubborn, 5.0)


def _still_alive(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    # Not psutil.wait_procs: that waits for an orphaned zombie to disappear.
    deadline = time.monotonic() + seconds
    while remaining := [process for process in processes if alive(process.pid)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return remaining
