"""Environment: on what a figure was measured. Without it, no figure means anything."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psutil
from samband_local.jars import KAFKA

if TYPE_CHECKING:
    from benchmarks.frame.stage import Stage

ROOT = Path(__file__).parents[2]

BUSY = 0.3
"""Load for each core, before anything is measured, above which figures are doubtful."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Machine, software and moment of a run."""

    processor: str
    cores: int
    memory_gb: int
    system: str
    python: str
    postgres: str
    kafka: str
    commit: str
    date: str
    load: float
    """Average number of processes at work in the minute before."""

    @property
    def is_busy(self) -> bool:
        """Whether others were at work on the machine."""
        return self.load > BUSY * self.cores


async def environment(stage: Stage, load: float) -> Environment:
    """The environment of this run, which found the machine with this `load`."""
    conn = await asyncpg.connect(stage.backing.postgres_url)
    try:
        server = await conn.fetchval("show server_version")
        fsync = await conn.fetchval("show fsync")
    finally:
        await conn.close()
    return Environment(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 2**30),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        postgres=f"{server}, fsync {fsync}",
        kafka=KAFKA.rpartition(":")[2],
        commit=_commit(),
        date=datetime.now(UTC).date().isoformat(),
        load=round(load, 2),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str:
    """The commit at work, with a plus when files differ from it."""
    try:
        commit = _git("rev-parse", "--short=10", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+" if changed else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
