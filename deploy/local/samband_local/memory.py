"""How much memory there is, and how much each program takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from samband_local.problems import TooLittleMemory

MB = 1024 * 1024
NEEDED_MB = 900
"""Kafka 300, three services 120 each, PostgreSQL, mailbox, gateway and some air."""
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Footprint:
    """Memory of a program with its children, in MB."""

    rss: int
    """What is in memory, counting shared pages in full."""
    pss: int | None
    """The same with shared pages divided among those who share; None where unknown."""


def footprint(pid: int) -> Footprint | None:
    """The memory of a process and its children; None when it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        rss = sum(each.memory_info().rss for each in family)
        pss = sum(getattr(each.memory_full_info(), "pss", 0) for each in family)
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        pss = 0
    return Footprint(round(rss / MB), round(pss / MB) or None)


def available_mb() -> int:
    """Free memory, as the machine and the container we may be in see it."""
    free = psutil.virtual_memory().available
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        # Cached files count as used but are given back when they are needed.
        counts = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        free = min(free, limit - used + int(counts.get("file", 0)))
    except (OSError, ValueError):
        pass
    return free // MB


def check(needed_mb: int = NEEDED_MB) -> None:
    """Raise `TooLittleMemory` unless this much is free."""
    available = available_mb()
    if available < needed_mb:
        raise TooLittleMemory(available, needed_mb)
