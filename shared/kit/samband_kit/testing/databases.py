"""Databases for tests: a fresh one, migrated, in some tens of milliseconds.

For each package a template database is made once and kept on the server; its
name carries a checksum of all migrations, so a changed one makes a new
template. A test gets a copy, with the role and the schema that the service
would have, and the copy is dropped afterwards.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, overload
from urllib.parse import urlsplit

import asyncpg

from samband_kit import migrations
from samband_kit.kafka import Administration
from samband_kit.settings import Settings
from samband_kit.testing.names import topic_prefix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing.backing import Backing

S = TypeVar("S", bound=Settings)

_PASSWORD = "only-for-tests"  # noqa: S105 - of roles on a throw-away server
_TRIES = 50


@asynccontextmanager
async def service_database(backing: Backing, package: str) -> AsyncIterator[str]:
    """The URL of a fresh database with the package's tables, for the package's role.

    The role and its schema are called as the package. Dropped at the end,
    whoever is still connected.
    """
    template = await _template(backing, package)
    name = f"test_{uuid.uuid4().hex}"
    async with _admin(backing) as admin:
        await _copy(admin, template, name)
    try:
        yield _url(backing, package, name)
    finally:
        # Over a new connection: the test may have brought the server down and up again.
        async with _admin(backing) as admin:
            await admin.execute(f"drop database if exists {name} with (force)")


@asynccontextmanager
async def _admin(backing: Backing) -> AsyncIterator[Any]:
    admin = await asyncpg.connect(backing.postgres_url)
    try:
        yield admin
    finally:
        await admin.close()


@overload
def service_settings(
    backing: Backing, package: str, **more: Any
) -> AbstractAsyncContextManager[Settings]: ...


@overload
def service_settings(
    backing: Backing, package: str, kind: type[S], **more: Any
) -> AbstractAsyncContextManager[S]: ...


def service_settings(
    backing: Backing, package: str, kind: type[Settings] = Settings, **more: Any
) -> AbstractAsyncContextManager[Settings]:
    """Settings of a service with a fresh database and a topic prefix of its own.

    `kind` is the service's settings class and `more` what the test sets
    itself. The database and all topics with the prefix are gone afterwards.
    """
    return _fresh(backing, package, kind, more)


@asynccontextmanager
async def _fresh(
    backing: Backing, package: str, kind: type[S], more: dict[str, Any]
) -> AsyncIterator[S]:
    async with service_database(backing, package) as url:
        given: dict[str, Any] = {
            "database_url": url,
            "kafka_servers": backing.kafka_servers,
            "kafka_prefix": topic_prefix(),
            "secret_keys": "only-for-tests-only-for-tests-only-for-tests",
            "port": 0,
            "ops_port": 0,
            "stop_timeout": 5.0,
        }
        settings = kind(**(given | more))
        try:
            yield settings
        finally:
            await _drop_topics(settings)


def admin_url(backing: Backing, settings: Settings) -> str:
    """The superuser's URL of a test's own database: for faults, and for what a role may not see."""
    database = urlsplit(settings.database_url.get_secret_value()).path
    return urlsplit(backing.postgres_url)._replace(path=database).geturl()


async def _drop_topics(settings: Settings) -> None:
    async with Administration(settings.kafka) as kafka:
        names = [name for name in await kafka.names() if name.startswith(settings.kafka_prefix)]
        if names:
            await kafka.delete(names)


async def _template(backing: Backing, package: str) -> str:
    files = [*migrations.migrations_of(migrations.KIT), *migrations.migrations_of(package)]
    digest = hashlib.sha256("".join(file.name + file.checksum for file in files).encode())
    name = f"template_{package}_{digest.hexdigest()[:12]}"
    async with _admin(backing) as admin:
        # Test processes start at the same time; one makes the template, the others wait.
        await admin.execute("select pg_advisory_lock(hashtextextended($1, 0))", package)
        if not await admin.fetchval("select 1 from pg_database where datname = $1", name):
            await _make_template(backing, admin, package, name)
    return name


async def _make_template(backing: Backing, admin: Any, package: str, name: str) -> None:
    if not await admin.fetchval("select 1 from pg_roles where rolname = $1", package):
        await admin.execute(f"create role {package} login password '{_PASSWORD}'")
    growing = f"{name}_growing"
    await admin.execute(f"drop database if exists {growing} with (force)")
    await admin.execute(f"create database {growing}")
    inside = await asyncpg.connect(
        urlsplit(backing.postgres_url)._replace(path=f"/{growing}").geturl()
    )
    try:
        await inside.execute(f"create schema {package} authorization {package}")
        # As deploy/postgres prepares it: extensions are the administrator's, in a schema of their own.
        await inside.execute("create schema extensions")
        await inside.execute("create extension pg_trgm schema extensions")
        await inside.execute(f"grant usage on schema extensions to {package}")
    finally:
        await inside.close()
    settings = Settings(
        database_url=_url(backing, package, growing),
        kafka_servers=backing.kafka_servers,
        secret_keys="unused-unused-unused-unused-unused",  # noqa: S106 - nothing is signed
    )
    await migrations.migrate(settings, package)
    await admin.execute(f"alter database {growing} rename to {name}")


async def _copy(admin: Any, template: str, name: str) -> None:
    for _ in range(_TRIES):
        try:
            await admin.execute(f"create database {name} template {template} strategy file_copy")
        except asyncpg.ObjectInUseError:
            # The connection that migrated the template may take a moment to be gone.
            await asyncio.sleep(0.1)
        else:
            return
    raise TimeoutError(f"The template {template} is in use.")


def _url(backing: Backing, role: str, database: str) -> str:
    parts = urlsplit(backing.postgres_url)
    place = f"{role}:{_PASSWORD}@{parts.hostname}:{parts.port}"
    return parts._replace(netloc=place, path=f"/{database}").geturl()
