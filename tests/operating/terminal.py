"""An operator's terminal: the commands of the guides, as they stand there, on a running system.

`python -m samband_…` finds the settings of its service, as it would in the
service's container; `psql`, `pg_dump` and `pg_restore` find the administrator's;
`samband` is the launcher of this checkout. Nothing else is different.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from samband_local.services import NAMES
from samband_local.wheels import postgres_programs

from tests.operating.blocks import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from samband_local.stack import Stack

_BIN = Path(sys.executable).parent
_LONGEST = 300


@dataclass(frozen=True)
class Terminal:
    """A folder to work in, and the environment of an operator."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run commands one after the other, up to the first that fails."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST,
        )

    def begin(self, command: str, more: Mapping[str, str]) -> subprocess.Popen[str]:
        """Start a command that runs until it is stopped."""
        return subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def in_checkout(folder: Path) -> Terminal:
    """A terminal in which only the programs of the checkout are to be found."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "samband").symlink_to(_BIN / "samband")
    for name in ("deploy", "shared"):
        (folder / name).symlink_to(ROOT / name)
    plain = {key: value for key, value in os.environ.items() if not key.startswith("SAMBAND_")}
    path = os.pathsep.join([str(programs), str(postgres_programs()), plain.get("PATH", "")])
    return Terminal(folder, {**plain, "PATH": path})


def at(stack: Stack, folder: Path) -> Terminal:
    """The terminal of somebody who operates this system."""
    terminal = in_checkout(folder)
    for name in NAMES:
        settings = {
            key: value for key, value in stack.environments[name].items() if key not in os.environ
        }
        written = "".join(f"{key}={shlex.quote(value)}\n" for key, value in settings.items())
        # What a block sets for a process of its own comes first.
        (folder / "programs" / f"samband_{name}.env").write_text(written, encoding="utf-8")
    python = folder / "programs/python"
    python.write_text(_PYTHON.format(python=shlex.quote(sys.executable)), encoding="utf-8")
    python.chmod(0o755)
    database = urlsplit(stack.postgres_url())
    passwords = {
        f"{name.upper()}_PASSWORD": urlsplit(stack.postgres_url(name)).password or ""
        for name in NAMES
    }
    operator = {
        "PGHOST": database.hostname or "",
        "PGPORT": str(database.port),
        "PGUSER": database.username or "",
        "PGPASSWORD": database.password or "",
        "PAGER": "cat",
        "SAMBAND_OPERATOR": "kim",
        "SAMBAND_DATA": str(stack.place.root),
        **passwords,
    }
    return Terminal(folder, {**terminal.environment, **operator})


_PYTHON = """#!/bin/sh
own=$(env | grep -E '^SAMBAND_(PORT|OPS_PORT)=')
settings="$(dirname "$0")/$2.env"
if [ -f "$settings" ]; then set -a; . "$settings"; eval "$own"; set +a; fi
exec {python} "$@"
"""
