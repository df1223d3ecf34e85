"""Migrations: numbered SQL files, each applied once, in order.

The kit brings the tables that every service needs, a service's package brings
its own; each set is numbered by itself. A file runs in a transaction of its
own together with the note that it ran. A file that was applied is never
changed: a changed one, and one that only the database knows, are refused
before anything runs. Any number of processes may migrate at once.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import asyncpg

from samband_kit import database

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from samband_kit.settings import Settings

KIT = "samband_kit"
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_WAIT_SECONDS = 120


class MigrationRefused(Exception):
    """Nothing was changed by the migration that the message names, nor by later ones."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of one package's set."""

    source: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(package: str) -> list[Migration]:
    """The files of the package's `migrations` folder in order; empty without one.

    Raises:
        MigrationRefused: a name is not `0001_words.sql`, or a number is
            missing or there twice.
    """
    folder = resources.files(package) / "migrations"
    files = sorted(_sql_files(folder), key=lambda file: file.name)
    for number, file in enumerate(files, start=1):
        match = _NAME.fullmatch(file.name)
        if match is None or int(match[1]) != number:
            raise MigrationRefused(
                f"{package}/migrations/{file.name} should be number {number:04d}, "
                f"named like {number:04d}_what_it_does.sql."
            )
    return [Migration(package, file.name, file.read_text("utf-8")) for file in files]


async def migrate(settings: Settings, package: str) -> list[str]:
    """Bring the schema up to date; returns what was applied, as `package/file`.

    Waits for another process that is migrating the same schema.

    Raises:
        MigrationRefused: the role has no schema, a file was changed after it
            was applied, the database knows a file that this version does not,
            or a file failed.
    """
    files = _files(package)
    # A migration takes as long as it takes; the lock before it waits for another one.
    conn = await database.connect(settings, command_timeout=None)
    try:
        await conn.execute("set statement_timeout = 0")
        schema = await _schema(conn)
        await conn.execute(
            "select pg_advisory_lock(hashtextextended($1, 0))",
            f"samband migrations {schema}",
            timeout=_WAIT_SECONDS,
        )
        return await _apply(conn, files)
    finally:
        await conn.close()


async def plan(settings: Settings, package: str) -> list[str]:
    """What `migrate` would apply, without applying it.

    Raises:
        MigrationRefused: `migrate` would refuse too, before anything runs.
    """
    files = _files(package)
    conn = await database.connect(settings)
    try:
        await _schema(conn)
        _refuse_strangers(files, await _applied(conn))
        return await missing(conn, package)
    finally:
        await conn.close()


async def missing(conn: database.Connection, package: str) -> list[str]:
    """Files of this version that the database lacks; readiness asks this."""
    applied = await _applied(conn)
    return [
        f"{file.source}/{file.name}"
        for file in _files(package)
        if (file.source, file.name) not in applied
    ]


def _files(package: str) -> list[Migration]:
    return [*migrations_of(KIT), *(migrations_of(package) if package != KIT else ())]


async def _schema(conn: database.Connection) -> str:
    schema = await conn.fetchval("select current_schema()")
    if schema is None:
        role = await conn.fetchval("select current_user")
        raise MigrationRefused(
            f"The role {role} has no schema named {role} in this database: "
            f"create schema {role} authorization {role}."
        )
    return str(schema)


async def _apply(conn: database.Connection, files: list[Migration]) -> list[str]:
    await conn.execute(
        """
        create table if not exists schema_migrations (
            source     text not null,
            name       text not null,
            checksum   text not null,
            applied_at timestamptz not null default now(),
            primary key (source, name)
        )
        """
    )
    applied = await _applied(conn)
    _refuse_strangers(files, applied)
    done = []
    for file in files:
        if (file.source, file.name) in applied:
            continue
        try:
            async with conn.transaction():
                await conn.execute(file.sql)
                await conn.execute(
                    "insert into schema_migrations (source, name, checksum) values ($1, $2, $3)",
                    file.source,
                    file.name,
                    file.checksum,
                )
        except asyncpg.PostgresError as error:
            raise MigrationRefused(f"{file.source}/{file.name} failed: {error}") from error
        done.append(f"{file.source}/{file.name}")
    return done


async def _applied(conn: database.Connection) -> dict[tuple[str, str], str]:
    if await conn.fetchval("select to_regclass('schema_migrations')") is None:
        return {}
    rows = await conn.fetch("select source, name, checksum from schema_migrations")
    return {(row["source"], row["name"]): row["checksum"] for row in rows}


def _refuse_strangers(files: list[Migration], applied: dict[tuple[str, str], str]) -> None:
    known = {(file.source, file.name): file for file in files}
    for source, name in sorted(applied):
        file = known.get((source, name))
        if file is None:
            raise MigrationRefused(
                f"The database has {source}/{name}, which this version does not know: "
                "it is newer than the program."
            )
        if file.checksum != applied[source, name]:
            raise MigrationRefused(
                f"{source}/{name} was changed after it was applied. "
                "Restore the file and put the change into a new one."
            )


def _sql_files(folder: Traversable) -> list[Traversable]:
    if not folder.is_dir():
        return []
    return [file for file in folder.iterdir() if file.name.endswith(".sql")]
