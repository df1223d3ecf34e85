"""Processes: services as operators run them, each of which a test may kill, freeze or end.

    async with process("samband_registration", "serve", settings, tmp_path) as web:
        await web.ready()
        web.kill()
        assert await web.ended() == -signal.SIGKILL
        web = await web.again()

Each is `python -m <module> <kind>` with nothing of the test's own process in
it. What it logs goes into a file of the folder, which is what to look at when
a case fails.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr
from samband_kit.testing import eventually
from samband_local.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from samband_kit.settings import Settings

ROOT = Path(__file__).parents[2]
START_SECONDS = 240.0
END_SECONDS = 120.0


@dataclass
class ServiceProcess:
    """One process of a service. `again` starts the next one in its place."""

    module: str
    kind: str
    settings: Settings
    folder: Path
    environment: Mapping[str, str]
    log: Path
    process: asyncio.subprocess.Process
    ports: tuple[int, int]

    @property
    def address(self) -> str:
        """Where its pages and API are, if it has any."""
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def operations(self) -> str:
        """Where it shows whether it is ready, and its metrics."""
        return f"http://127.0.0.1:{self.ports[1]}"

    async def ready(self) -> ServiceProcess:
        """Wait until it says that it can work."""
        async with httpx.AsyncClient() as client:

            async def says_so() -> bool:
                assert self.process.returncode is None, self.last_words()
                try:
                    return (await client.get(f"{self.operations}/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(says_so, START_SECONDS, every=0.05)
        return self

    async def metrics(self) -> str:
        """What it shows to Prometheus now."""
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{self.operations}/metrics")).text

    def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """It stands still, as on a machine that swaps or a paused virtual one; see `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was, knowing nothing of the time that has passed."""
        self._signal(signal.SIGCONT)

    async def ended(self, seconds: float = END_SECONDS) -> int:
        """Wait for its end; the exit code, or minus the signal that ended it."""
        try:
            return await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            raise AssertionError(
                f"{self.module} {self.kind} did not end in {seconds} s: {self.last_words()}"
            ) from None

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        self._signal(signal.SIGTERM)

    async def stop(self) -> int:
        """A planned stop: SIGTERM, and wait; the exit code."""
        self.ask_to_stop()
        return await self.ended()

    async def again(self, failpoints: str = "") -> ServiceProcess:
        """Start it again as a supervisor does, with other failpoints or none."""
        self.kill()
        await self.ended()
        following = await start(
            self.module, self.kind, self.settings, self.folder, failpoints, **self.environment
        )
        self.process, self.log, self.ports = following.process, following.log, following.ports
        return self

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log about one kind of thing."""
        lines = self.log.read_text(errors="replace").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and line[-1:] == "}"]
        return [line for line in found if line.get("event") == event]

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def _signal(self, number: int) -> None:
        if self.process.returncode is None:
            self.process.send_signal(number)


async def start(
    module: str,
    kind: str,
    settings: Settings,
    folder: Path,
    failpoints: str = "",
    **environment: str,
) -> ServiceProcess:
    """Start a process; whoever starts it ends it. `environment` is added to the settings."""
    ports = tuple(free_ports(2))
    given = _plain(settings) | {
        "SAMBAND_PORT": str(ports[0]),
        "SAMBAND_OPS_PORT": str(ports[1]),
        "SAMBAND_FAILPOINTS": failpoints,
        # A stop that takes long on a slow machine is still a planned one.
        "SAMBAND_STOP_TIMEOUT": "40",
    }
    ours = {name: text for name, text in os.environ.items() if not name.startswith("SAMBAND_")}
    log = folder / f"{module}-{kind}-{ports[1]}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            kind,
            cwd=ROOT,
            env=ours | {"PYTHONUNBUFFERED": "1"} | given | environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    return ServiceProcess(
        module, kind, settings, folder, environment, log, process, (ports[0], ports[1])
    )


@asynccontextmanager
async def process(
    module: str,
    kind: str,
    settings: Settings,
    folder: Path,
    failpoints: str = "",
    **environment: str,
) -> AsyncIterator[ServiceProcess]:
    """A process for the block; whatever is left of it at the end is killed."""
    one = await start(module, kind, settings, folder, failpoints, **environment)
    try:
        yield one
    finally:
        one.kill()
        await one.ended()


def _plain(settings: Settings) -> dict[str, str]:
    """The settings as variables of the environment."""
    values = settings.model_dump(mode="python")
    return {
        f"SAMBAND_{name.upper()}": value.get_secret_value()
        if isinstance(value, SecretStr)
        else str(value)
        for name, value in values.items()
        if value is not None and value != ""
    }
