"""Stage: the servers that a run of benchmarks works on, and a place of its own for each service.

PostgreSQL and Kafka are started for the run and gone afterwards, also after
Ctrl-C; what a killed run left is cleared away by the next. PostgreSQL writes
through to the disk (`fsync`), as in production: a commit costs what it costs
there, and it costs value and limit the same, because both use this server.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from samband_kit import testing
from samband_kit.testing import Backing
from samband_local import backing as local_backing
from samband_local.temporary import TEST_PREFIX, sweep

from benchmarks.frame.processes import Program, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator

    from samband_kit.service import Service
    from samband_kit.settings import Settings

N = TypeVar("N", int, float)

_PATIENCE_SECONDS = 600.0


class Size(StrEnum):
    """How much is measured: all of it, enough for a first look, or just that it runs."""

    FULL = "full"
    QUICK = "quick"
    TINY = "tiny"


@dataclass(frozen=True)
class Stage:
    """Where benchmarks are measured."""

    backing: Backing
    size: Size
    folder: Path
    """For logs and other files of this run."""
    say: Callable[[str], None] = lambda _: None
    """Tells whoever waits what is going on."""

    def pick(self, *, full: N, quick: N, tiny: N) -> N:
        """The number for the size of this run."""
        match self.size:
            case Size.FULL:
                return full
            case Size.QUICK:
                return quick
            case Size.TINY:
                return tiny

    def place(self, service: Service, **more: Any) -> AbstractAsyncContextManager[Settings]:
        """Settings of a service with a migrated database and a topic prefix, dropped afterwards."""
        return testing.service_settings(
            self.backing, service.package, service.settings, **({"log_level": "WARNING"} | more)
        )

    @asynccontextmanager
    async def running(
        self, service: Service, settings: Settings, kind: str
    ) -> AsyncIterator[Program]:
        """A real process of the service, ready; stopped as in a deployment at the end."""
        command = [sys.executable, "-m", service.package, kind]
        async with started(command, settings, self.folder, name=service.name) as program:
            await program.ready()
            yield program

    @asynccontextmanager
    async def role(
        self, module: str, settings: Settings, *arguments: str
    ) -> AsyncIterator[Program]:
        """A process of our own, `python -m benchmarks.<module>`, which reads the same settings."""
        command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
        name = ".".join((module, *arguments))
        async with started(command, settings, self.folder, name=name) as program:
            yield program


async def until(
    check: Callable[[], Awaitable[bool]],
    *programs: Program,
    every: float = 0.01,
    seconds: float = _PATIENCE_SECONDS,
) -> float:
    """Wait until `check` answers true; the moment it did.

    Raises:
        ProgramEnded: one of the programs that it depends on has ended.
        TimeoutError: it did not come true.
    """
    deadline = time.perf_counter() + seconds
    while not await check():
        for program in programs:
            program.check()
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{check.__qualname__} did not come true in {seconds:.0f} s")
        await asyncio.sleep(every)
    return time.perf_counter()


@contextmanager
def own_stage(size: Size, say: Callable[[str], None]) -> Iterator[Stage]:
    """A stage with servers of its own, gone afterwards."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=TEST_PREFIX))
    say("starting PostgreSQL and Kafka")
    try:
        stack_json = local_backing.background(folder, owner=os.getpid(), durable=True)
        addresses = local_backing.read(stack_json)
        if addresses is None:
            raise RuntimeError(f"{stack_json} is gone: were the servers stopped?")
        backing = Backing(addresses.postgres_url, addresses.kafka_servers)
        yield Stage(backing, size, folder, say)
    finally:
        local_backing.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)
