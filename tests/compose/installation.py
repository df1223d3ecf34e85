"""An installation in Docker of its own: project, images, secrets and ports that no other has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from samband_local import ports

from tests.architecture.source_tree import ROOT
from tests.operating.blocks import blocks_for

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

    def shell(self, text: str) -> str:
        """The same for commands as they stand in the guides."""
        return self._run("bash", "-euo", "pipefail", "-c", text)

    def containers(self) -> list[dict[str, Any]]:
        """Every container, as the engine describes it."""
        ids = self.compose("ps", "--all", "--quiet").split()
        found: list[dict[str, Any]] = json.loads(self._run("docker", "inspect", *ids))
        return found

    def images(self) -> list[dict[str, Any]]:
        """The images that were built for it, as the engine describes them."""
        found: list[dict[str, Any]] = json.loads(
            self._run("docker", "image", "inspect", *self._image_names())
        )
        return found

    def story(self) -> dict[str, Any]:
        """The counts of a story that was played on it, and was as it should be."""
        told: dict[str, Any] = json.loads(self._run("make", "compose-story", "ARGS=--json"))
        return told

    def remove(self) -> list[str]:
        """Leave nothing behind, however far it came; returns what was complained of."""
        attempts = (
            self._attempt("docker", "compose", "down", "--volumes", "--remove-orphans"),
            self._attempt("docker", "image", "rm", *self._image_names()),
        )
        return [done.stderr for done in attempts if done.returncode]

    def _image_names(self) -> list[str]:
        return [
            f"samband-{service}:{self.environment['SAMBAND_VERSION']}"
            for service in ("registration", "networks", "notifications")
        ]

    def _run(self, *command: str) -> str:
        done = self._attempt(*command)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
        return done.stdout

    def _attempt(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    """Build and start one as an operator would; all of it is gone afterwards."""
    assert shutil.which("docker"), "Docker is not installed."
    name = f"samband-test-{uuid4().hex[:8]}"
    chosen = dict(zip(_PORTS, ports.free_ports(len(_PORTS)), strict=True))
    secrets = folder / "secrets"
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
        for block in blocks_for("start"):
            made.shell(block.text)
        yield made
    except BaseException:
        # What went wrong is told, and not what could not be removed because of it.
        made.remove()
        raise
    assert made.remove() == []
