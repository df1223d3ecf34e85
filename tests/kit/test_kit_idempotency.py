"""The same command twice has one effect and one answer."""

import asyncio
from datetime import timedelta

import pytest
from samband_kit import database
from samband_kit.database import Pool
from samband_kit.idempotency import KeyReused, forget, once, remember
from samband_kit.testing import Backing, service_settings


async def command(pool: Pool, key: str, fields: dict[str, object], *, fail: bool = False) -> object:
    """What a handler does: counts its effects in a table, answers with their number."""
    async with database.transaction(pool) as conn:
        earlier = await once(conn, key, fields)
        if earlier is not None:
            return earlier["number"]
        number = await conn.fetchval("insert into effects default values returning number")
        await asyncio.sleep(0.02)
        if fail:
            raise RuntimeError
        await remember(conn, key, {"number": number})
        return number


async def test_a_command_has_one_effect_however_often_it_comes(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings)
        try:
            await pool.execute("create table effects (number int generated always as identity)")
            first = await command(pool, "a", {"name": "Piteå"})
            again = await command(pool, "a", {"name": "Piteå"})
            other = await command(pool, "b", {"name": "Piteå"})
            assert (first, again, other) == (1, 1, 2)

            at_once = await asyncio.gather(*(command(pool, "c", {"n": 1}) for _ in range(20)))
            assert set(at_once) == {3}
            assert await pool.fetchval("select count(*) from effects") == 3
        finally:
            await pool.close()


async def test_a_key_with_other_content_is_refused(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings)
        try:
            await pool.execute("create table effects (number int generated always as identity)")
            await command(pool, "a", {"name": "Lund", "year": 2020})
            assert await command(pool, "a", {"year": 2020, "name": "Lund"}) == 1
            with pytest.raises(KeyReused, match="with other content"):
                await command(pool, "a", {"name": "Falun", "year": 2020})
        finally:
            await pool.close()


async def test_an_answer_that_is_known_beforehand_is_given_again_too(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings)
        answers = []
        try:
            for number in (1, 2):
                async with database.transaction(pool) as conn:
                    answers.append(await once(conn, "a", {"name": "Piteå"}, {"number": number}))
            assert answers == [None, {"number": 1}]
        finally:
            await pool.close()


async def test_whoever_waits_for_a_first_that_fails_becomes_the_first(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings)
        try:
            await pool.execute("create table effects (number int generated always as identity)")
            failing = asyncio.create_task(command(pool, "a", {}, fail=True))
            await asyncio.sleep(0.01)
            waiting = asyncio.create_task(command(pool, "a", {}))
            with pytest.raises(RuntimeError):
                await failing
            await waiting
            assert await pool.fetchval("select count(*) from effects") == 1
        finally:
            await pool.close()


async def test_old_keys_are_forgotten(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        pool = await database.open_pool(settings)
        try:
            async with database.transaction(pool) as conn:
                assert await once(conn, "old", {}) is None
            assert await forget(pool, timedelta(days=1)) == 0
            assert await forget(pool, timedelta(0)) == 1
        finally:
            await pool.close()
