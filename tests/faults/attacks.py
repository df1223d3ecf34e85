"""Attacks: what is done to the kit's relays and consumers beside failpoints."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg
from samband_kit.testing import admin_url, eventually

from tests.faults.cases import Area, Invariant
from tests.faults.controls import late_commit
from tests.faults.ledgers import WELL_SECONDS, Ledger, ledger
from tests.faults.town import kill_all_in_turn, stop_all_in_turn
from tests.faults.trials import Trial, meanwhile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.faults.processes import ServiceProcess
    from tests.faults.trials import Ground, Scenario

_RELAY: Final = "samband_outbox_relay_active 1.0"


async def commit_late(ground: Ground) -> float:
    """A fact that became visible last is not passed over: what a cursor would do."""
    async with ledger(ground.backing, ground.folder, ground.seed) as books, books.process() as one:
        await late_commit(books, one)
        return await _well(books)


async def freeze_the_owner(ground: Ground) -> float:
    """Nobody takes over from a frozen owner that Postgres still sees; it goes on when it thaws."""
    async with _two(ground) as (books, owner, _):
        await books.work(_load(ground))
        owner.freeze()
        await books.work(_load(ground))
        await asyncio.sleep(2)
        assert await books.waiting_facts()
        owner.thaw()
        return await _well(books)


async def freeze_the_owner_until_it_is_none(ground: Ground) -> float:
    """The owner is frozen with facts in hand, its session ends, the other leads; then it thaws."""
    async with _two(ground, "relay.fetched=sleep:5@3") as (books, owner, standby):
        async with meanwhile(books.work(8 * _load(ground), pause=0.02)):
            await eventually(lambda: owner.logged("failpoint reached"), WELL_SECONDS)
            owner.freeze()
            began = time.monotonic()
            await _end_the_lock_session(ground, books)
            await eventually(lambda: _leads(standby), WELL_SECONDS, every=0.1)
            await asyncio.sleep(0.3)
            owner.thaw()
        await _well(books)
        return time.monotonic() - began


async def end_the_lock_session(ground: Ground) -> float:
    """Postgres ends the relay's session three times under load; the other one is ready."""
    async with _two(ground) as (books, *_):
        for _ in range(3):
            async with meanwhile(books.work(4 * _load(ground), pause=0.01)):
                await asyncio.sleep(0.2)
                await _end_the_lock_session(ground, books)
        return await _well(books)


async def kill_in_a_large_batch(ground: Ground) -> float:
    """A backlog of 500 facts on 50 keys is one batch, and the relay dies with half of it sent."""
    async with ledger(ground.backing, ground.folder, ground.seed, keys=50) as books:
        for _ in range(10):
            await books.say_of_each()
        # Kafka has some of the twelve partitions' records by then and not the others.
        nth = 2 + ground.seed % 9
        async with books.process(f"relay.acknowledged=kill@{nth}") as one:
            assert await one.ended() == -signal.SIGKILL
            assert await books.waiting_facts() == 500
            began = time.monotonic()
            await one.again()
            await _well(books)
            return time.monotonic() - began


async def roll(ground: Ground) -> float:
    """Both processes are stopped as planned and started again, in turn, while facts come."""
    async with _two(ground) as (books, first, second):
        began = time.monotonic()
        async with meanwhile(books.work(10 * _load(ground), pause=0.05)):
            for _ in range(3 if ground.full else 1):
                for one in (first, second):
                    assert await one.stop() == 0, one.last_words()
                    await (await one.again()).ready()
        await books.well()
        seconds = time.monotonic() - began
        await books.check(planned=True)
        return seconds


async def stop_and_then_kill(ground: Ground) -> float:
    """The supervisor asks for a stop and does not wait for it."""
    async with _two(ground) as (books, first, second):
        async with meanwhile(books.work(6 * _load(ground), pause=0.02)):
            await asyncio.sleep(0.3)
            for one in (first, second):
                one.ask_to_stop()
            await asyncio.sleep(0.1)
            began = time.monotonic()
            for one in (first, second):
                one.kill()
                await one.ended()
            await first.again()
        await _well(books)
        return time.monotonic() - began


async def join_while_it_works(ground: Ground) -> float:
    """A second consumer joins and gets partitions while the first one works on their records."""
    async with (
        ledger(ground.backing, ground.folder, ground.seed) as books,
        books.process("consumer.applied=sleep:3") as slow,
    ):
        await slow.ready()
        async with AsyncExitStack() as joined:
            async with meanwhile(books.work(4 * _load(ground), pause=0.05)):
                await eventually(lambda: slow.logged("failpoint reached"), WELL_SECONDS)
                await joined.enter_async_context(books.process())
            return await _well(books)


def _load(ground: Ground) -> int:
    return 40 if ground.full else 10


@asynccontextmanager
async def _two(
    ground: Ground, failpoints: str = ""
) -> AsyncIterator[tuple[Ledger, ServiceProcess, ServiceProcess]]:
    """A ledger with two processes, of which the first one leads, and is the armed one."""
    async with (
        ledger(ground.backing, ground.folder, ground.seed) as books,
        books.process(failpoints) as owner,
    ):
        await eventually(lambda: _leads(owner), WELL_SECONDS, every=0.1)
        async with books.process() as standby:
            await standby.ready()
            yield books, owner, standby


async def _well(books: Ledger) -> float:
    """Wait until nothing waits, and compare; how long that took."""
    began = time.monotonic()
    await books.well()
    seconds = time.monotonic() - began
    await books.check()
    return seconds


async def _leads(one: ServiceProcess) -> bool:
    await one.ready()
    return _RELAY in await one.metrics()


async def _end_the_lock_session(ground: Ground, books: Ledger) -> None:
    """End the sessions that hold a lock, as a restart of Postgres does; the relay's among them."""
    admin = await asyncpg.connect(admin_url(ground.backing, books.settings))
    try:
        ended = await admin.fetch(
            "select pg_terminate_backend(pid) from pg_locks"
            " where locktype = 'advisory' and granted"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        assert ended
    finally:
        await admin.close()


_ALL = (Invariant.I1, Invariant.I2, Invariant.I3, Invariant.I4, Invariant.I8, Invariant.I13)

_MAILS = (Invariant.I5, Invariant.I6, Invariant.I7)


def _attack(
    area: Area, run: Scenario, fault: str, how: str, *, holds: Sequence[Invariant] = _ALL
) -> Trial:
    return Trial(run.__name__.replace("_", "-"), area, fault, how, holds, run)


ATTACKS: Final[Sequence[Trial]] = (
    _attack(
        Area.RELAY,
        commit_late,
        "a fact commits later than facts after it",
        "a transaction held open while others are published",
    ),
    _attack(
        Area.RELAY,
        freeze_the_owner,
        "the relay at work is frozen for seconds and thaws",
        "two processes, SIGSTOP and SIGCONT",
    ),
    _attack(
        Area.RELAY,
        freeze_the_owner_until_it_is_none,
        "the relay at work is frozen, another one takes over, the old one thaws",
        "failpoint `relay.fetched=sleep:5`, SIGSTOP, `pg_terminate_backend`, SIGCONT",
    ),
    _attack(
        Area.RELAY,
        end_the_lock_session,
        "Postgres ends the session that holds the relay's lock, three times",
        "two processes, `pg_terminate_backend` under load",
    ),
    _attack(
        Area.RELAY,
        kill_in_a_large_batch,
        "kill -9 in the middle of a batch of 500 facts on 50 keys",
        "failpoint `relay.acknowledged=kill` with a backlog",
    ),
    _attack(
        Area.CONSUMER,
        join_while_it_works,
        "a second consumer gets partitions whose records the first one is applying",
        "failpoint `consumer.applied=sleep:3`, and a second process",
    ),
    _attack(
        Area.CONSUMER,
        stop_and_then_kill,
        "a stop that is not waited for: kill -9 a moment after SIGTERM",
        "two processes under load",
    ),
    _attack(
        Area.CONSUMER,
        roll,
        "planned stops in turn under load",
        "two processes, SIGTERM and start again",
        holds=(*_ALL, Invariant.I12),
    ),
    _attack(
        Area.EVERYTHING,
        stop_all_in_turn,
        "planned stops of all services in turn, while forms are sent",
        "three services as processes, SIGTERM and start again",
        holds=(*_ALL, *_MAILS, Invariant.I12),
    ),
    _attack(
        Area.EVERYTHING,
        kill_all_in_turn,
        "kill -9 of all services in turn, while forms are sent",
        "three services as processes, SIGKILL and start again",
        holds=(*_ALL, *_MAILS),
    ),
)
