"""The three services as this launcher knows them: by their command lines and their settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from samband_local import credentials, pids
from samband_local.place import Place
from samband_local.postgres import PostgresPlan
from samband_local.problems import DidNotStart
from samband_local.programs import Command, answers

NAMES = ("registration", "networks", "notifications")
DATABASE = "samband"
MAIL_FROM = "Samband <samband@localhost>"
# Files that the launcher shares with compose; it runs from a checkout alone.
DEPLOY = Path(__file__).resolve().parents[2]
# Of the caller's own SAMBAND_ variables only these reach the services: the
# rest is the launcher's to decide, and a setting given twice is refused.
_CALLERS = (
    "SAMBAND_LOG_LEVEL",
    "SAMBAND_LOG_FORMAT",
    "SAMBAND_OTLP_ENDPOINT",
    "SAMBAND_TRACE_RATIO",
)


@dataclass(frozen=True)
class Addresses:
    """Where everything listens, on 127.0.0.1."""

    gateway: int
    mailbox: int
    smtp: int
    postgres: int
    kafka: int
    kafka_controller: int
    registration: int
    registration_ops: int
    networks: int
    networks_ops: int
    notifications: int
    notifications_ops: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway}"

    @property
    def mailbox_url(self) -> str:
        return f"http://127.0.0.1:{self.mailbox}"

    @property
    def kafka_servers(self) -> str:
        return f"127.0.0.1:{self.kafka}"

    def port(self, service: str) -> int:
        return int(getattr(self, service))

    def ops_port(self, service: str) -> int:
        return int(getattr(self, f"{service}_ops"))


def plain_environment() -> dict[str, str]:
    """The caller's environment without settings of Samband's."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SAMBAND_") or name in _CALLERS
    }


def environment(
    service: str, place: Place, addresses: Addresses, extra: Mapping[str, str]
) -> dict[str, str]:
    """The environment of one service; writes the files that it names."""
    password = credentials.secret(place.secrets, f"{service}_password")
    plan = postgres_plan(place, addresses)
    url = plan.url(user=service, password=password, database=DATABASE)
    credentials.secret(place.secrets, "secret_keys")
    settings = {
        "SAMBAND_DATABASE_URL_FILE": str(
            credentials.keep(place.secrets, f"{service}_database_url", url)
        ),
        "SAMBAND_SECRET_KEYS_FILE": str(place.secrets / "secret_keys"),
        "SAMBAND_KAFKA_SERVERS": addresses.kafka_servers,
        "SAMBAND_PUBLIC_URL": addresses.url,
        "SAMBAND_HOST": "127.0.0.1",
        "SAMBAND_PORT": str(addresses.port(service)),
        "SAMBAND_OPS_PORT": str(addresses.ops_port(service)),
        "SAMBAND_STOP_TIMEOUT": "15",
    }
    if service == "notifications":
        settings |= {
            "SAMBAND_SMTP_HOST": "127.0.0.1",
            "SAMBAND_SMTP_PORT": str(addresses.smtp),
            "SAMBAND_SMTP_TLS": "none",
            "SAMBAND_MAIL_FROM": MAIL_FROM,
        }
    quiet = {
        "PYTHONUNBUFFERED": "1",
        # One heap for all threads: half the memory for what never competes.
        "MALLOC_ARENA_MAX": "2",
        "SAMBAND_LOG_FORMAT": "console",
    }
    return {**quiet, **plain_environment(), **settings, **pids.mark(place.root), **extra}


def postgres_plan(place: Place, addresses: Addresses, *, careless: bool = False) -> PostgresPlan:
    """Where this installation's PostgreSQL is."""
    return PostgresPlan(
        folder=place.postgres,
        port=addresses.postgres,
        password=credentials.secret(place.secrets, "postgres_password"),
        log=place.log("postgres"),
        careless=careless,
    )


def command_line(service: str, *arguments: str) -> list[str]:
    """A service's own command."""
    return [sys.executable, "-m", f"samband_{service}", *arguments]


def process(service: str, place: Place, addresses: Addresses, extra: Mapping[str, str]) -> Command:
    """The process of one service: pages, consumers, relay and sender in one."""
    return Command(
        title=f"The service {service}",
        arguments=command_line(service, "run"),
        environment=environment(service, place, addresses, extra),
        folder=place.root,
        log=place.log(service),
        is_ready=partial(answers, f"http://127.0.0.1:{addresses.ops_port(service)}/readyz"),
    )


def run(
    service: str, place: Place, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run one of a service's commands to its end."""
    return subprocess.run(  # noqa: S603 - our own program and arguments
        command_line(service, *arguments),
        env=dict(environment),
        cwd=place.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def run_or_refuse(
    service: str, place: Place, environment: Mapping[str, str], *arguments: str
) -> str:
    """The same; what it wrote on standard output, or `DidNotStart` with its last words."""
    done = run(service, place, environment, *arguments)
    if done.returncode:
        with place.log(service).open("a") as log:
            log.write(done.stdout + done.stderr)
        words = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        name = f"`samband_{service} {' '.join(arguments)}`"
        raise DidNotStart(name, f"it ended with {done.returncode}: {words[-1]}", place.log(service))
    return done.stdout
