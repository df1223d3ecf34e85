"""PostgreSQL and Kafka alone: the ground for tests and for developing a service.

One process owns both; it holds a lock, so that a second one on the same folder
sees it, and a later one can tell leftovers from the living. `stack.json` in the
folder says where they listen, and appears only when both are ready. The data
are thrown away at the next start: it is made to be fast, not to last. With
`durable` PostgreSQL nevertheless writes through to the disk, for measuring what
a commit costs in production.

`background` starts that process and returns; with `owner` it ends by itself
when the process with that id is gone, however it ended.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from threading import Event

from filelock import FileLock, Timeout

from samband_local import pids
from samband_local.kafka import Kafka, KafkaPlan
from samband_local.ports import free_ports
from samband_local.postgres import Postgres, PostgresPlan
from samband_local.problems import AlreadyRunning, DidNotStart

START_SECONDS = 180.0


@dataclass(frozen=True)
class Addresses:
    """The content of stack.json."""

    postgres_url: str
    kafka_servers: str
    owner_pid: int


def read(stack_json: Path) -> Addresses | None:
    """What stack.json says, or None while there is none."""
    try:
        return Addresses(**json.loads(stack_json.read_text()))
    except FileNotFoundError:
        return None


def serve(folder: Path, *, owner: int | None = None, durable: bool = False) -> None:
    """Start both, write stack.json, wait for SIGTERM, SIGINT or the owner's end, stop both.

    Ends what a killed predecessor left in this folder first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # PostgreSQL may run as another user and has to reach its own folder.
    folder.chmod(0o755)
    stopping = Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    try:
        with FileLock(folder / "backing.lock", timeout=5):
            _serve(folder, owner, stopping, durable=durable)
    except Timeout:
        raise AlreadyRunning(folder) from None


def _serve(folder: Path, owner: int | None, stopping: Event, *, durable: bool) -> None:
    stack_json = folder / "stack.json"
    stack_json.unlink(missing_ok=True)
    pids.end_leftovers(folder, folder)
    for data in ("postgres", "kafka"):
        shutil.rmtree(folder / data, ignore_errors=True)
    postgres_port, kafka_port, controller_port = free_ports(3)
    postgres = Postgres(
        PostgresPlan(
            folder / "postgres",
            postgres_port,
            "postgres",
            folder / "postgres.log",
            careless=not durable,
        )
    )
    kafka = Kafka(KafkaPlan(folder / "kafka", kafka_port, controller_port, folder / "kafka.log"))
    try:
        with ThreadPoolExecutor(2) as pool:
            starts = [
                pool.submit(postgres.start, partial(pids.record, folder, "postgres")),
                pool.submit(kafka.start, partial(pids.record, folder, "kafka")),
            ]
            for start in starts:
                start.result()
        addresses = Addresses(postgres.plan.url(), kafka.plan.servers, os.getpid())
        ready = stack_json.with_suffix(".new")
        ready.write_text(json.dumps(asdict(addresses), indent=2))
        ready.replace(stack_json)
        while not stopping.wait(1.0):
            if owner is not None and pids.alive(owner) is None:
                break
    finally:
        stack_json.unlink(missing_ok=True)
        kafka.stop()
        postgres.stop()
        pids.forget(folder, "kafka")
        pids.forget(folder, "postgres")


def background(folder: Path, *, owner: int | None = None, durable: bool = False) -> Path:
    """Start `serve` as a process of its own, or find it running; the path of stack.json."""
    folder.mkdir(parents=True, exist_ok=True)
    stack_json = folder / "stack.json"
    if read(stack_json) is not None:
        if _is_owned(folder):
            return stack_json
        stack_json.unlink(missing_ok=True)
    command = [sys.executable, "-m", "samband_local", "backing", "--run-dir", str(folder)]
    command += ["--foreground"] + (["--owner", str(owner)] if owner is not None else [])
    command += ["--durable"] if durable else []
    log_path = folder / "backing.log"
    process = _spawn(command, log_path)
    deadline = time.monotonic() + START_SECONDS
    while read(stack_json) is None:
        code = process.poll()
        if code == AlreadyRunning.exit_code:
            # The one that runs is just starting, or just stopping.
            time.sleep(0.2)
            process = _spawn(command, log_path)
        elif code is not None:
            lines = log_path.read_text(errors="replace").strip().splitlines() or ["no word"]
            reason = f"it ended with {code}: {lines[-1]}"
            raise DidNotStart("PostgreSQL and Kafka for tests", reason, log_path)
        if time.monotonic() > deadline:
            process.terminate()
            raise DidNotStart("PostgreSQL and Kafka for tests", "they took too long", log_path)
        time.sleep(0.05)
    return stack_json


def _spawn(command: list[str], log_path: Path) -> subprocess.Popen[bytes]:
    with log_path.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program and arguments
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _children.append(process)
    return process


# A Popen that is dropped while its process lives warns; these live on purpose.
_children: list[subprocess.Popen[bytes]] = []


def stop(folder: Path, *, seconds: float = 30.0) -> bool:
    """End the process that `background` started in `folder`; whether there was one."""
    addresses = read(folder / "stack.json")
    process = pids.alive(addresses.owner_pid) if addresses and _is_owned(folder) else None
    if process is None:
        pids.end_leftovers(folder, folder)
        return False
    process.terminate()
    pids.end([process], grace=seconds)
    for child in _children:
        child.poll()
    pids.end_leftovers(folder, folder)
    return True


def _is_owned(folder: Path) -> bool:
    lock = FileLock(folder / "backing.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
