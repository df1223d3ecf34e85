"""PostgreSQL and Kafka for tests from the official images, in containers that end with the run.

What tests see of them is what they see of the embedded ones. The containers
belong to this process: should it be killed, testcontainers' own reaper ends them.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from samband_kit.testing.backing import Backing
from samband_local.kafka import KafkaPlan
from samband_local.ports import free_ports
from testcontainers.core.container import DockerContainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POSTGRES_IMAGE = "postgres:18"
KAFKA_IMAGE = "apache/kafka:4.4.0"

_SECONDS = 120.0
_POSTGRES_PORT = 5432
# As many connections as tests open at once, and nothing that only a power cut needs.
_POSTGRES = ["-c", "max_connections=200", "-c", "fsync=off", "-c", "full_page_writes=off"]
_KAFKA_FOLDER = "/srv/kafka"
_KAFKA = """
set -e
/opt/kafka/bin/kafka-storage.sh format \
  --cluster-id "$(/opt/kafka/bin/kafka-storage.sh random-uuid)" --config server.properties
exec /opt/kafka/bin/kafka-server-start.sh server.properties
"""


@contextmanager
def in_containers(folder: Path) -> Iterator[Backing]:
    """Both, for the block. Kafka keeps its files in `folder`, where tests look into them."""
    postgres, password = _postgres()
    with postgres, _kafka(folder) as (kafka, plan):
        _wait(postgres, ["pg_isready", "-h", "127.0.0.1", "-U", "postgres"])
        # It opens this port when it has become a member of its cluster, not before.
        _wait(kafka, ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{plan.port}"])
        port = postgres.get_exposed_port(_POSTGRES_PORT)
        yield Backing(
            f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres", plan.servers, plan.data
        )


def _postgres() -> tuple[DockerContainer, str]:
    password = secrets.token_urlsafe(16)
    container = DockerContainer(POSTGRES_IMAGE, ports=[_POSTGRES_PORT])
    container.with_command(_POSTGRES).with_env("POSTGRES_PASSWORD", password)
    return container, password


@contextmanager
def _kafka(folder: Path) -> Iterator[tuple[DockerContainer, KafkaPlan]]:
    # Clients are told an address by Kafka, so the port is chosen before it starts.
    port, controller_port = free_ports(2)
    plan = KafkaPlan(folder / "kafka", port, controller_port, folder / "kafka.log")
    plan.folder.mkdir(parents=True)
    properties = plan.properties(plan.data) | {
        "log.dirs": f"{_KAFKA_FOLDER}/{plan.data.name}",
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://127.0.0.1:{controller_port}",
    }
    config = plan.folder / "server.properties"
    config.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    container = DockerContainer(
        KAFKA_IMAGE,
        volumes=[(str(plan.folder), _KAFKA_FOLDER, "rw")],
        # Whoever runs the tests can then read its files and throw them away.
        user=f"{os.getuid()}:{os.getgid()}",
        working_dir=_KAFKA_FOLDER,
    )
    container.with_command(["bash", "-c", _KAFKA])
    container.with_envs(LOG_DIR=f"{_KAFKA_FOLDER}/logs", KAFKA_HEAP_OPTS="-Xmx256m")
    with container.with_bind_ports(port, port):
        yield container, plan


def _wait(container: DockerContainer, command: list[str]) -> None:
    deadline = time.monotonic() + _SECONDS
    while container.exec(command).exit_code != 0:
        if time.monotonic() > deadline:
            out, err = container.get_logs()
            raise TimeoutError((out + err).decode(errors="replace")[-2000:])
        time.sleep(0.1)
