"""What has to be there before the services start: roles, tables, topics.

Tables and topics are made by the services' own commands. They are not run
again while nothing has changed that could change them, because starting
Python five times costs more than everything else together.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from samband_local import credentials
from samband_local.place import Place, read_json, write_json
from samband_local.problems import DidNotStart
from samband_local.services import DEPLOY, NAMES, Addresses, postgres_plan, run_or_refuse
from samband_local.wheels import postgres_programs

Command = Literal["migrate", "load-register", "topics"]
# Who runs what. One process creates the topics of all: starting it costs more
# than creating them.
_RUNS: Mapping[Command, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "migrate": (NAMES, ("migrate",)),
    "load-register": (("registration",), ("load-register",)),
    "topics": (("registration",), ("topics", "--all")),
}


def make_roles(place: Place, addresses: Addresses) -> None:
    """Database, roles and schemas; harmless when they are there."""
    plan = postgres_plan(place, addresses)
    passwords = {
        f"{service.upper()}_PASSWORD": credentials.secret(place.secrets, f"{service}_password")
        for service in NAMES
    }
    done = subprocess.run(  # noqa: S603 - our own program and arguments
        [
            *(str(postgres_programs() / "psql"), "-X", "-h", "127.0.0.1", "-p", str(plan.port)),
            *("-U", "postgres", "-d", "postgres", "-f", str(DEPLOY / "postgres" / "roles.sql")),
        ],
        env={"PATH": os.defpath, "PGPASSWORD": plan.password, **passwords},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["psql failed"]
        raise DidNotStart("PostgreSQL's roles", words[-1], plan.log)


def fingerprint(service: str) -> str:
    """Changes whenever a service's migrations, register or topics may have changed."""
    digest = hashlib.sha256()
    for package in ("samband_contracts", "samband_kit", f"samband_{service}"):
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for path in sorted(Path(folder).rglob("*")):
                relevant = path.suffix in (".sql", ".csv", ".json")
                if relevant or path.stem in ("topics", "main", "consumers"):
                    digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _birth(command: str, place: Place) -> str:
    """Differs between the data of now and those of a server that was thrown away."""
    if command != "topics":
        return str((place.postgres / "data" / "PG_VERSION").stat().st_mtime_ns)
    properties = place.kafka / "data" / "meta.properties"
    lines = properties.read_text().splitlines() if properties.exists() else []
    return next((line for line in lines if line.startswith("cluster.id=")), "not yet born")


def due(command: Command, place: Place) -> dict[str, str]:
    """Which services have to run this command now, and what to write down when they have."""
    names, _ = _RUNS[command]
    born = _birth(command, place)
    done = read_json(place.prepared)
    marks = {f"{name} {command}": f"{fingerprint(name)} {born}" for name in names}
    return {key: mark for key, mark in marks.items() if done.get(key) != mark}


def prepare(
    command: Command,
    place: Place,
    environments: Mapping[str, Mapping[str, str]],
    due_now: Callable[[], None],
) -> None:
    """Let the services run this command if they have not yet in their present shape.

    `due_now` is called if there is anything to do. Raises `DidNotStart`.
    """
    marks = due(command, place)
    if not marks:
        return
    due_now()
    _, arguments = _RUNS[command]
    names = [key.split()[0] for key in marks]
    with ThreadPoolExecutor(len(names)) as pool:
        runs = [
            pool.submit(run_or_refuse, name, place, environments[name], *arguments)
            for name in names
        ]
    for run in runs:
        run.result()
    write_json(place.prepared, read_json(place.prepared) | marks)
