"""Execution: how a command runs and ends.

Exit codes: 0 done; 1 refused or failed; 2 wrong usage or configuration;
70 unhealthy, start again; 75 Postgres or Kafka did not answer, try again
later. What went wrong is one sentence on stderr, never a traceback for what
can be expected.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import typer

from samband_kit import database
from samband_kit.access_rules import SubscriberRefused
from samband_kit.errors import Refusal
from samband_kit.kafka import AccessRefused, KafkaError, KafkaUnreachable, NoAuthorizer, NotAllowed
from samband_kit.logs import configure_logs
from samband_kit.migrations import MigrationRefused
from samband_kit.outages import PASSING_ANSWERS
from samband_kit.settings import KafkaSettings, Settings, SettingsRefused
from samband_kit.supervisor.http_server import PortTaken
from samband_kit.topics import TopicsRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from samband_kit.database import Connection, Pool
    from samband_kit.service import Service

T = TypeVar("T")
S = TypeVar("S", bound=KafkaSettings)

REFUSED = 1
USAGE = 2
TRY_AGAIN = 75

_EXIT_CODES: tuple[tuple[tuple[type[Exception], ...], int, str], ...] = (
    ((SettingsRefused,), USAGE, "{error}"),
    (
        (Refusal, MigrationRefused, TopicsRefused, SubscriberRefused, NoAuthorizer, PortTaken),
        REFUSED,
        "{error}",
    ),
    (
        (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError),
        USAGE,
        "Postgres refuses SAMBAND_DATABASE_URL: {error}.",
    ),
    ((AccessRefused,), USAGE, "{error}."),
    ((asyncpg.ClientConfigurationError,), USAGE, "SAMBAND_DATABASE_URL: {error}."),
    ((asyncpg.UndefinedTableError,), REFUSED, "The schema is not migrated: run `migrate` first."),
    (PASSING_ANSWERS, TRY_AGAIN, "Postgres did not answer: {error}."),
    (
        (asyncpg.InterfaceError, asyncpg.InternalClientError),
        TRY_AGAIN,
        "Postgres ended the connection: {error}.",
    ),
    (NotAllowed, REFUSED, "Kafka does not allow it: {error}."),
    ((KafkaUnreachable, KafkaError), TRY_AGAIN, "Kafka did not answer: {error}"),
    ((OSError,), TRY_AGAIN, "Postgres or Kafka cannot be reached: {error}."),
    ((asyncpg.PostgresError,), REFUSED, "Postgres refused: {error}."),
)


def read_settings(service: Service) -> Settings:
    """The service's settings; ends the program with 2 when they cannot be used."""
    return _read(service.settings)


def execute(service: Service, work: Callable[[Settings], Awaitable[T]]) -> T:
    """Run a command to its end; what can be expected to go wrong becomes an exit code."""
    return _execute(service, service.settings, work)


def execute_on_kafka(service: Service, work: Callable[[KafkaSettings], Awaitable[T]]) -> T:
    """`execute` for what is about Kafka alone, and needs no more settings than that."""
    return _execute(service, KafkaSettings, work)


def _execute(service: Service, kind: type[S], work: Callable[[S], Awaitable[T]]) -> T:
    settings = _read(kind)
    # stdout is for the answer.
    configure_logs(service.name, level="ERROR", form="console", stream=sys.stderr)

    async def run() -> T:
        return await work(settings)

    try:
        return asyncio.run(run())
    except tuple(kind for kinds, _, _ in _EXIT_CODES for kind in kinds) as error:
        raise _ended(error) from None


def _read(kind: type[S]) -> S:
    try:
        return kind.read()
    except SettingsRefused as error:
        raise _ended(error) from None


def with_pool(service: Service, work: Callable[[Pool], Awaitable[T]]) -> T:
    """`execute` with an open pool."""

    async def run(settings: Settings) -> T:
        pool = await database.open_pool(settings, max_size=2)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return execute(service, run)


async def change(pool: Pool, work: Callable[[Connection], Awaitable[T]], *, dry_run: bool) -> T:
    """Do the work in one transaction; with `dry_run` do all of it and roll it back."""
    if not dry_run:
        async with database.transaction(pool) as conn:
            return await work(conn)
    async with pool.acquire() as conn:
        rehearsal = conn.transaction()
        await rehearsal.start()
        try:
            return await work(conn)
        finally:
            await rehearsal.rollback()


def current_operator() -> str:
    """Who is at the keyboard, for the audit."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have a number and no name.
        return f"uid {os.getuid()}"


def say(sentence: str) -> None:
    """An answer for people."""
    typer.echo(sentence)


def say_part(text: str) -> None:
    """A part of an answer that is too long to be held at once."""
    typer.echo(text, nl=False)


def say_json(answer: Any) -> None:
    """An answer for programs: one JSON value on one line."""
    typer.echo(json.dumps(answer, default=str, ensure_ascii=False))


def _ended(error: Exception) -> typer.Exit:
    for kinds, code, sentence in _EXIT_CODES:
        if isinstance(error, kinds):
            typer.echo(sentence.format(error=str(error) or type(error).__name__), err=True)
            return typer.Exit(code)
    raise error
