"""Service: what a service consists of, declared in one place.

`samband_<service>/main.py` builds the one `Service` value; the kit turns it
into processes of three kinds:

- `serve`: pages and API. Ready while Kafka is down, not without Postgres.
- `consume`: consumers, the retries of parked records, the outbox relay, jobs.
- `send`: what talks to the outside (mail, webhooks).

`run` is all the kinds a service has, in one process. Nothing here starts
anything: `samband_kit.supervisor` does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from samband_kit.database import Connection, Pool
from samband_kit.history import Happening
from samband_kit.reactions import Reaction
from samband_kit.settings import Settings


class Kind(StrEnum):
    """What a process is for; each kind can be scaled on its own."""

    SERVE = "serve"
    CONSUME = "consume"
    SEND = "send"


class Component(Protocol):
    """Something that runs as long as the process.

    `run` returns soon after `stop` is set, having finished and committed what
    it had begun. Returning earlier or raising ends the whole process with 70,
    so a component survives what it can survive (an unreachable Kafka,
    Postgres or mail server) by itself.
    """

    @property
    def name(self) -> str: ...

    async def run(self, stop: asyncio.Event) -> None: ...


@dataclass(frozen=True)
class Job:
    """Work repeated `every` so often, in one process of the service at a time.

    A run that fails is logged and counted, and comes again at the next time.
    """

    name: str
    every: timedelta
    run: Callable[["Runtime"], Awaitable[None]]


@dataclass(frozen=True)
class Service:
    """The composition of one service.

    `package` is the import name (its `migrations/*.sql` are applied by
    `migrate`), `settings` the class read from the environment, `web` and
    `senders` are None for a service that has no such side.

    For `trace`: `meanings` gives the correlations of what the service itself
    calls something, `happenings` what it did besides events.
    """

    name: str
    package: str
    settings: type[Settings]
    reactions: tuple[Reaction, ...]
    web: Callable[["Runtime"], FastAPI] | None
    jobs: tuple[Job, ...] = ()
    senders: Callable[["Runtime"], Component] | None = None
    meanings: Callable[[Connection, str], Awaitable[list[UUID]]] | None = None
    happenings: Callable[[Connection, Sequence[UUID]], Awaitable[list[Happening]]] | None = None

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of process that this service has."""
        kinds = {Kind.CONSUME}
        if self.web is not None:
            kinds.add(Kind.SERVE)
        if self.senders is not None:
            kinds.add(Kind.SEND)
        return frozenset(kinds)


@dataclass(frozen=True)
class Runtime:
    """One running process of a service: what its parts are built from."""

    service: Service
    settings: Settings
    pool: Pool
    registry: CollectorRegistry
