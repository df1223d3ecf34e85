"""The pool, transactions, and the settings that lead to them."""

import asyncio
import time
from pathlib import Path

import asyncpg
import pytest
from samband_contracts.calls import CallClosed
from samband_kit import database, outbox
from samband_kit.ids import new_id
from samband_kit.settings import Settings, SettingsRefused
from samband_kit.testing import Backing, admin_url, service_settings

KEY = "k" * 32
GIVEN = {
    "SAMBAND_DATABASE_URL": "postgresql://a:b@127.0.0.1/c",
    "SAMBAND_KAFKA_SERVERS": "127.0.0.1:9092",
    "SAMBAND_SECRET_KEYS": KEY,
}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def call_closed() -> CallClosed:
    return CallClosed.model_validate(
        {"call_id": str(new_id()), "closed_at": "2021-02-01T10:00:00+00:00"}
    )


async def test_a_role_works_in_its_own_schema_in_utc_with_json_as_data(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings)
        try:
            async with pool.acquire() as conn:
                assert await conn.fetchval("select current_schema()") == "samband_kit"
                assert await conn.fetchval("show timezone") == "UTC"
                assert await conn.fetchval("select '{\"a\": [1]}'::jsonb") == {"a": [1]}
        finally:
            await pool.close()


async def test_another_schema_is_out_of_reach(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        admin = await asyncpg.connect(admin_url(backing, settings))
        try:
            await admin.execute("create schema neighbour; create table neighbour.secret (a int)")
        finally:
            await admin.close()
        conn = await database.connect(settings)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.fetch("select * from neighbour.secret")
            with pytest.raises(asyncpg.UndefinedTableError):
                await conn.fetch("select * from secret")
        finally:
            await conn.close()


async def test_a_transaction_that_raises_leaves_nothing_behind(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings)

        async def fail_after_appending() -> None:
            async with database.transaction(pool) as conn:
                await outbox.append(conn, [call_closed()])
                raise ZeroDivisionError

        try:
            with pytest.raises(ZeroDivisionError):
                await fail_after_appending()
            assert await pool.fetchval("select count(*) from outbox") == 0
            assert await pool.fetchval("select count(*) from outbox_counters") == 0
        finally:
            await pool.close()


async def test_a_transaction_left_open_ends_with_the_use_of_its_connection(
    backing: Backing,
) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings, max_size=1)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        try:
            async with pool.acquire() as conn:
                await conn.execute("begin")
                await outbox.append(conn, [call_closed()])
            assert await pool.fetchval("select count(*) from outbox") == 0
            assert await pool.fetchval("select pg_current_xact_id_if_assigned()") is None
        finally:
            asyncio.get_running_loop().set_exception_handler(None)
            await pool.close()


async def test_a_commit_with_events_wakes_the_relay_and_one_without_does_not(
    backing: Backing,
) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings)
        listener = await database.connect(settings)
        heard = asyncio.Event()
        try:
            await listener.add_listener(outbox.channel("samband_kit"), lambda *_: heard.set())
            async with database.transaction(pool) as conn:
                await conn.execute("select 1")
            await asyncio.sleep(0.1)
            assert not heard.is_set()
            started = time.monotonic()
            async with database.transaction(pool) as conn:
                await outbox.append(conn, [call_closed()])
            await asyncio.wait_for(heard.wait(), 5)
            assert time.monotonic() - started < 1
        finally:
            await listener.close()
            await pool.close()


async def test_many_commits_at_once_wake_the_relay_a_few_times_only(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings)
        listener = await database.connect(settings)
        calls: list[object] = []

        async def write() -> None:
            async with database.transaction(pool) as conn:
                await outbox.append(conn, [call_closed()])

        try:
            await listener.add_listener(outbox.channel("samband_kit"), lambda *_: calls.append(1))
            started = time.monotonic()
            await asyncio.gather(*(write() for _ in range(200)))
            elapsed = time.monotonic() - started
            await asyncio.sleep(0.1)
            assert 1 <= len(calls) <= elapsed / database.WAKE_SECONDS + 2
        finally:
            await listener.close()
            await pool.close()


def test_missing_settings_are_named_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GIVEN:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsRefused) as refused:
        Settings.read()
    assert sorted(str(refused.value).splitlines()) == [f"{name} is not set." for name in GIVEN]


def test_a_setting_may_lie_in_a_file(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "keys"
    secret.write_text(f"{'n' * 32},{KEY}\n")
    given.delenv("SAMBAND_SECRET_KEYS")
    given.setenv("SAMBAND_SECRET_KEYS_FILE", str(secret))
    assert Settings.read().keys == ("n" * 32, KEY)


def test_a_setting_given_twice_is_refused(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given.setenv("SAMBAND_SECRET_KEYS_FILE", str(tmp_path / "keys"))
    with pytest.raises(SettingsRefused, match="keep one of them"):
        Settings.read()


def test_an_unreadable_file_is_named(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given.delenv("SAMBAND_SECRET_KEYS")
    given.setenv("SAMBAND_SECRET_KEYS_FILE", str(tmp_path / "nothing"))
    with pytest.raises(SettingsRefused, match=f"cannot read {tmp_path}/nothing"):
        Settings.read()


def test_a_short_key_is_refused_without_being_shown(given: pytest.MonkeyPatch) -> None:
    given.setenv("SAMBAND_SECRET_KEYS", f"{KEY},hunter2")
    with pytest.raises(SettingsRefused) as refused:
        Settings.read()
    assert "at least 32 characters" in str(refused.value)
    assert "hunter2" not in str(refused.value)


async def test_nobody_waits_for_ever_for_a_connection(
    backing: Backing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "POOL_SECONDS", 0.2)
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings, max_size=1)
        async with pool.acquire():
            with pytest.raises(TimeoutError):
                await pool.fetchval("select 1")
            with pytest.raises(TimeoutError):
                async with database.transaction(pool):
                    pytest.fail("there was a connection")
        assert await pool.fetchval("select 1") == 1
        await pool.close()
