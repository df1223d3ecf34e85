"""Ground: a PostgreSQL and a Kafka that tests may hurt, with a network in front of each.

Programs under test reach both through a `Proxy`; the test puts its own
questions to either directly, whatever the weather. Kafka tells each client to
come back the way it came.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from filelock import FileLock
from pydantic import SecretStr
from samband_kit.settings import Settings
from samband_kit.testing import Backing
from samband_local import pids
from samband_local.kafka import Kafka, KafkaPlan
from samband_local.ports import free_ports
from samband_local.postgres import Postgres, PostgresPlan
from samband_local.temporary import TEST_PREFIX

from tests.faults.proxy import CLEAR, Proxy, proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from subprocess import Popen

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class TwoWays(KafkaPlan):
    """A broker with a second listener, for those who go through the proxy on `proxy_port`."""

    second_port: int = 0
    proxy_port: int = 0

    def properties(self, data: Path) -> dict[str, str]:
        plain = super().properties(data)
        return plain | {
            "listeners": f"{plain['listeners']},PROXIED://127.0.0.1:{self.second_port}",
            "advertised.listeners": f"{plain['advertised.listeners']},"
            f"PROXIED://127.0.0.1:{self.proxy_port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
            "PROXIED:PLAINTEXT",
        }


@dataclass(frozen=True)
class Ground:
    """Two servers and the ways to them."""

    folder: Path
    postgres: Postgres
    kafka: Kafka
    to_postgres: Proxy
    to_kafka: Proxy

    @property
    def backing(self) -> Backing:
        """For the test itself."""
        return Backing(self.postgres.plan.url(), self.kafka.plan.servers, self.kafka.plan.data)

    def behind(self, settings: S) -> S:
        """The same settings for who has to go through the proxies."""
        url = urlsplit(settings.database_url.get_secret_value())
        who = url.netloc.rpartition("@")[0]
        through = url._replace(netloc=f"{who}@127.0.0.1:{self.to_postgres.port}").geturl()
        return settings.model_copy(
            update={
                "database_url": SecretStr(through),
                "kafka_servers": f"127.0.0.1:{self.to_kafka.port}",
            }
        )

    async def heal(self) -> None:
        """Clear weather, and both servers awake and at work."""
        self.to_postgres.weather = self.to_kafka.weather = CLEAR
        for server in (self.postgres, self.kafka):
            if runs(server.process):
                send(server, signal.SIGCONT)
            else:
                await self.start(server)

    async def start(self, server: Postgres | Kafka) -> None:
        """Start a server; should the test be killed, the next run ends it."""
        name = type(server).__name__.lower()
        await asyncio.to_thread(server.start, partial(pids.record, self.folder, name))


def _a_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix=TEST_PREFIX))
    # PostgreSQL may run as another user and has to reach its own folder.
    folder.chmod(0o755)
    return folder


def runs(process: Popen[bytes] | None) -> bool:
    return process is not None and process.poll() is None


def send(server: Postgres | Kafka, how: signal.Signals) -> None:
    """Freeze a server, or thaw it."""
    assert server.process is not None
    os.kill(server.process.pid, how)


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """Start both servers; they end, and their data are gone, with the block."""
    folder = _a_folder()
    postgres_port, kafka_port, controller_port, second_port = free_ports(4)
    with FileLock(folder / "backing.lock"):
        async with (
            proxy("127.0.0.1", postgres_port) as to_postgres,
            proxy("127.0.0.1", second_port) as to_kafka,
        ):
            made = Ground(
                folder,
                Postgres(
                    PostgresPlan(
                        folder / "postgres",
                        postgres_port,
                        "postgres",
                        folder / "postgres.log",
                        careless=True,
                    )
                ),
                Kafka(
                    TwoWays(
                        folder / "kafka",
                        kafka_port,
                        controller_port,
                        folder / "kafka.log",
                        second_port=second_port,
                        proxy_port=to_kafka.port,
                    )
                ),
                to_postgres,
                to_kafka,
            )
            servers = (made.postgres, made.kafka)
            try:
                await asyncio.gather(*(made.start(server) for server in servers))
                yield made
            finally:
                for server in servers:
                    if runs(server.process):
                        send(server, signal.SIGCONT)
                    await asyncio.to_thread(server.stop)
    shutil.rmtree(folder)
