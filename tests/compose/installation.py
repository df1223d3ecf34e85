"""An installation in Docker of its own: project, images, secrets and ports that no other has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from samband_local import ports

from tests.architecture.source_tree import ROOT

_PORTS = ("GATEWAY_PORT", "MAILBOX_PORT", "KAFKA_PORT", "PROMETHEUS_PORT")


@dataclass(frozen=True)
class Installation:
    """What `docker compose` and `make` are told so that they mean this one."""

    environment: Mapping[str, str]
    home: Path
    secrets: Path
    kafka_servers: str

    def compose(self, *arguments: str) -> str:
        """What a command of `docker compose` wrote; its complaint is the failure's text."""
        return self._run("docker", "compose", *arguments)

    def shell(self, line: str) -> str:
        """The same for a line as it stands in the guides."""
        return self._run("bash", "-euc", line)

    def containers(self) -> list[dict[str, Any]]:
        """Every container, as the engine describes it."""
        ids = self.compose("ps", "--all", "--quiet").split()
        found: list[dict[str, Any]] = json.loads(self._run("docker", "inspect", *ids))
        return found

    def images(self) -> list[dict[str, Any]]:
        """The images that were built for it, as the engine describes them."""
        names = [
            f"samband-{service}:{self.environment['SAMBAND_VERSION']}"
            for service in ("registration", "networks", "notifications")
        ]
        found: list[dict[str, Any]] = json.loads(self._run("docker", "image", "inspect", *names))
        return found

    def story(self) -> dict[str, Any]:
        """The counts of a story that was played on it, and was as it should be."""
        told: dict[str, Any] = json.loads(self._run("make", "compose-story", "ARGS=--json"))
        return told

    def remove(self) -> None:
        """Leave nothing behind."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
        self._run("docker", "image", "rm", *(image["Id"] for image in self.images()))

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
        return done.stdout


@contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    """Build and start one as an operator would; all of it is gone afterwards."""
    assert shutil.which("docker"), "Docker is not installed."
    name = f"samband-test-{uuid4().hex[:8]}"
    chosen = dict(zip(_PORTS, ports.free_ports(len(_PORTS)), strict=True))
    secrets = folder / "secrets"
    subprocess.run(
        [sys.executable, ROOT / "deploy/compose/make_secrets.py", secrets],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    settings = {"SAMBAND_SECRETS": str(secrets), "SAMBAND_VERSION": name} | chosen
    (folder / "env").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    made = Installation(
        {
            **{key: os.environ[key] for key in ("PATH", "DOCKER_HOST") if key in os.environ},
            "HOME": str(folder),
            # Where the engine's plug-ins and addresses may stand.
            "DOCKER_CONFIG": os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker")),
            "SECRETS": str(secrets),
            "COMPOSE_PROJECT_NAME": name,
            "COMPOSE_ENV_FILES": str(folder / "env"),
            "SAMBAND_VERSION": name,
        },
        folder,
        secrets,
        f"127.0.0.1:{chosen['KAFKA_PORT']}",
    )
    try:
        made.compose("up", "--build", "--quiet-pull", "--wait")
        yield made
    finally:
        made.remove()
