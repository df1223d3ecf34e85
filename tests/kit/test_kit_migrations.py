"""Migrations: applied once, in order, by any number at once, and never changed."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from samband_kit import database, migrations
from samband_kit.migrations import MigrationRefused, migrate
from samband_kit.testing import Backing, admin_url, service_settings

PACKAGE = "samband_kit_migration_example"


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """A package of its own with two migrations; the path of their folder."""
    folder = tmp_path / PACKAGE / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "0001_things.sql").write_text("create table things (a int);")
    (folder / "0002_more.sql").write_text(
        "alter table things add b int; insert into things values (1, 2);"
    )
    sys.path.insert(0, str(tmp_path))
    yield folder
    sys.path.remove(str(tmp_path))
    sys.modules.pop(PACKAGE, None)


async def test_both_sets_are_applied_once(backing: Backing, package: Path) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        applied = await migrate(settings, PACKAGE)
        assert applied == [f"{PACKAGE}/0001_things.sql", f"{PACKAGE}/0002_more.sql"]
        assert await migrate(settings, PACKAGE) == []
        conn = await database.connect(settings)
        try:
            assert list(map(tuple, await conn.fetch("select a, b from things"))) == [(1, 2)]
            assert await migrations.missing(conn, PACKAGE) == []
        finally:
            await conn.close()


async def test_many_at_once_apply_each_file_once(backing: Backing, package: Path) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        results = await asyncio.gather(*(migrate(settings, PACKAGE) for _ in range(6)))
        assert sorted(map(len, results)) == [0, 0, 0, 0, 0, 2]


async def test_a_failing_file_leaves_nothing_and_the_ones_before_stay(
    backing: Backing, package: Path
) -> None:
    (package / "0003_broken.sql").write_text("create table half (a int); select nonsense;")
    async with service_settings(backing, "samband_kit") as settings:
        with pytest.raises(MigrationRefused, match=r'0003_broken\.sql failed: column "nonsense"'):
            await migrate(settings, PACKAGE)
        conn = await database.connect(settings)
        try:
            assert await conn.fetchval("select to_regclass('half')") is None
            assert await migrations.missing(conn, PACKAGE) == [f"{PACKAGE}/0003_broken.sql"]
        finally:
            await conn.close()
        (package / "0003_broken.sql").write_text("create table whole (a int);")
        assert await migrate(settings, PACKAGE) == [f"{PACKAGE}/0003_broken.sql"]


async def test_a_migration_takes_as_long_as_it_takes(
    backing: Backing, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "0003_slow.sql").write_text("select pg_sleep(1.5);")
    monkeypatch.setitem(database.SERVER_SETTINGS, "statement_timeout", "1s")
    connect = asyncpg.connect

    async def impatient(*words: Any, **more: Any) -> Any:
        if more.get("command_timeout") is not None:
            more["command_timeout"] = 1.0
        return await connect(*words, **more)

    async with service_settings(backing, "samband_kit") as settings:
        monkeypatch.setattr(asyncpg, "connect", impatient)
        assert len(await migrate(settings, PACKAGE)) == 3
        conn = await database.connect(settings)
        try:
            with pytest.raises((TimeoutError, asyncpg.QueryCanceledError)):
                await conn.execute("select pg_sleep(1.5)")
        finally:
            await conn.close()


async def test_a_rehearsal_refuses_what_the_migration_would_refuse(
    backing: Backing, package: Path
) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        assert len(await migrations.plan(settings, PACKAGE)) == 2
        await migrate(settings, PACKAGE)
        assert await migrations.plan(settings, PACKAGE) == []
        (package / "0001_things.sql").write_text("create table other (a int);")
        with pytest.raises(MigrationRefused, match=r"0001_things\.sql was changed"):
            await migrations.plan(settings, PACKAGE)
        (package / "0002_more.sql").unlink()
        (package / "0001_things.sql").unlink()
        with pytest.raises(MigrationRefused, match="newer than the program"):
            await migrations.plan(settings, PACKAGE)


async def test_a_changed_file_is_refused_before_anything_runs(
    backing: Backing, package: Path
) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        await migrate(settings, PACKAGE)
        (package / "0001_things.sql").write_text("create table other (a int);")
        (package / "0003_new.sql").write_text("create table new (a int);")
        with pytest.raises(MigrationRefused, match=r"0001_things\.sql was changed"):
            await migrate(settings, PACKAGE)
        conn = await database.connect(settings)
        try:
            assert await conn.fetchval("select to_regclass('new')") is None
        finally:
            await conn.close()


async def test_a_database_ahead_of_the_program_is_refused(backing: Backing, package: Path) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        await migrate(settings, PACKAGE)
        (package / "0002_more.sql").unlink()
        with pytest.raises(MigrationRefused, match="newer than the program"):
            await migrate(settings, PACKAGE)


async def test_another_packages_migrations_are_as_unknown_as_newer_ones(
    backing: Backing, package: Path
) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        await migrate(settings, PACKAGE)
        with pytest.raises(MigrationRefused, match=f"{PACKAGE}/0001_things.sql"):
            await migrate(settings, "samband_kit")


async def test_a_role_without_a_schema_is_told_what_to_do(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        admin = await asyncpg.connect(admin_url(backing, settings))
        try:
            await admin.execute("drop schema samband_kit cascade")
        finally:
            await admin.close()
        with pytest.raises(MigrationRefused, match="create schema samband_kit authorization"):
            await migrate(settings, "samband_kit")


@pytest.mark.parametrize("name", ["0004_gap.sql", "0002_twice.sql", "third.sql", "0003-Dash.sql"])
def test_a_misnumbered_file_is_refused(package: Path, name: str) -> None:
    (package / name).write_text("select 1;")
    with pytest.raises(MigrationRefused, match="should be number"):
        migrations.migrations_of(PACKAGE)
