"""Processes: a role that production has as a process is one here too."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import psutil
from pydantic import SecretStr
from samband_local import pids
from samband_local.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from samband_kit.settings import Settings

_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0


class ProgramEnded(Exception):
    """A process that a benchmark needs has ended by itself; the message has its last lines."""


@dataclass(frozen=True)
class Program:
    """A process at work."""

    name: str
    process: asyncio.subprocess.Process
    port: int
    """Of its pages and API, if it has any."""
    ops_port: int
    log: Path

    def check(self) -> None:
        """Raise if it has ended.

        Raises:
            ProgramEnded: it has.
        """
        if (code := self.process.returncode) is not None:
            raise ProgramEnded(f"{self.name} ended with {code}:\n{self.last_lines()}")

    def last_lines(self) -> str:
        """The end of what it said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def memory(self) -> int:
        """Bytes of memory that it holds now (resident set)."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    async def ready(self) -> None:
        """Wait until it says that it can do its work."""
        async with httpx.AsyncClient(trust_env=False) as client:
            async with asyncio.timeout(_READY_SECONDS):
                while not await self._is_ready(client):
                    self.check()
                    await asyncio.sleep(0.02)

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            answer = await client.get(f"http://127.0.0.1:{self.ops_port}/readyz")
        except httpx.TransportError:
            return False
        return answer.is_success


@asynccontextmanager
async def started(
    command: Sequence[str], settings: Settings, folder: Path, *, name: str
) -> AsyncIterator[Program]:
    """A process that reads these settings; it must end cleanly when it is told to."""
    port, ops_port = free_ports(2)
    log = folder / f"{name}.log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SAMBAND_")},
        **pids.mark(folder),
        # As our images and `samband up` set it.
        "MALLOC_ARENA_MAX": "2",
        **_variables(settings.model_copy(update={"port": port, "ops_port": ops_port})),
    }
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    record = f"{name}-{process.pid}"
    pids.record(folder, record, process.pid)
    program = Program(name, process, port, ops_port, log)
    try:
        yield program
        program.check()
    finally:
        await _end(process)
        pids.forget(folder, record)
    if process.returncode:
        raise ProgramEnded(f"{name} stopped with {process.returncode}:\n{program.last_lines()}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _variables(settings: Settings) -> dict[str, str]:
    prefix = settings.model_config.get("env_prefix", "")
    found = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            found[f"{prefix}{name}".upper()] = text
    return found
