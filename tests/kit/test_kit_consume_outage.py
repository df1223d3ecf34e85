"""Consuming while Kafka or Postgres hangs, dies and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from samband_contracts.memberships import MembershipJoined
from samband_contracts.topics import MEMBERSHIPS
from samband_kit.consumer.ahead import BATCH
from samband_kit.consumer.batch import apply_batch
from samband_kit.consumer.failures import is_infrastructure
from samband_kit.database import open_pool
from samband_kit.ids import new_id
from samband_kit.reactions import Reaction
from samband_kit.service import Kind
from samband_kit.settings import Settings
from samband_kit.testing import (
    Backing,
    Facts,
    admin_url,
    create_topics,
    eventually,
    running,
    service_settings,
)
from samband_local.kafka import Kafka, KafkaPlan
from samband_local.ports import free_ports

from tests.kit.consuming import listening, make_table, neighbours
from tests.kit.effects import Listener, arrived, effects, joined, parked_as, said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from samband_contracts.event import CloudEvent
    from samband_kit.database import Connection


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A Kafka that these tests may hurt."""
    folder = tmp_path_factory.mktemp("kafka")
    port, controller_port = free_ports(2)
    broker = Kafka(KafkaPlan(folder, port, controller_port, folder / "kafka.log"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
async def hurt(backing: Backing, kafka: Kafka) -> AsyncIterator[Settings]:
    """Settings with a Kafka that may be hurt."""
    async with service_settings(
        backing, "samband_kit", kafka_servers=kafka.plan.servers, stop_timeout=6.0
    ) as settings:
        await make_table(settings)
        yield settings


def freeze(kafka: Kafka, how: signal.Signals) -> None:
    assert kafka.process is not None
    os.kill(kafka.process.pid, how)


async def test_a_kafka_that_is_killed_and_comes_back_is_read_on(
    kafka: Kafka, hurt: Settings
) -> None:
    facts = Facts(hurt)
    async with running(listening(Listener()), hurt, Kind.CONSUME) as service:
        await facts.publish(*(joined(new_id()) for _ in range(10)))
        await facts.applied(service.pool)
        freeze(kafka, signal.SIGKILL)
        assert kafka.process is not None
        await asyncio.to_thread(kafka.process.wait)
        await asyncio.to_thread(kafka.start)
        await facts.publish(*(joined(new_id()) for _ in range(10)))
        await facts.applied(service.pool, 60)
        assert await effects(service.pool) == [1] * 20


async def test_a_stop_while_kafka_hangs_ends_in_time(kafka: Kafka, hurt: Settings) -> None:
    facts = Facts(hurt)
    async with running(listening(Listener()), hurt, Kind.CONSUME) as service:
        await facts.publish(*(joined(new_id()) for _ in range(10)))
        await facts.applied(service.pool)
        freeze(kafka, signal.SIGSTOP)
        await asyncio.sleep(0.5)
        began = time.monotonic()
    try:
        assert time.monotonic() - began < hurt.stop_timeout + 1
    finally:
        freeze(kafka, signal.SIGCONT)


async def test_a_postgres_that_refuses_connections_is_waited_for(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        await make_table(settings)
        facts = Facts(settings)
        async with running(listening(Listener()), settings, Kind.CONSUME) as service:
            await facts.publish(joined(new_id()))
            await facts.applied(service.pool)
            admin = await asyncpg.connect(backing.postgres_url)
            name = admin_url(backing, settings).rpartition("/")[2]
            await admin.execute(f"alter database {name} allow_connections false")
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
            )
            await facts.publish(*(joined(new_id()) for _ in range(5)))
            await eventually(
                lambda: (
                    service.metric(
                        "samband_batch_failures_total",
                        topic=MEMBERSHIPS.name,
                        cause="infrastructure",
                    )
                    >= 2
                )
            )
            await admin.execute(f"alter database {name} allow_connections true")
            await admin.close()
            await facts.applied(service.pool, 30)
            assert await effects(service.pool) == [1] * 6
            assert await parked_as(service.pool) == []


async def test_a_statement_that_always_runs_out_of_time_is_parked_in_the_end(
    backing: Backing,
) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        await make_table(settings)
        pool = await open_pool(settings)
        slow, quick = new_id(), new_id()
        batch = [arrived(said(joined(slow), 1)), arrived(said(joined(quick), 1))]
        reaction = Listener(slow={str(slow)}).memberships
        with pytest.raises(asyncpg.QueryCanceledError):
            await apply_batch(pool, reaction, batch)
        assert await effects(pool) == []
        settled = await apply_batch(pool, reaction, batch, stubborn=True)
        assert (len(settled.applied), len(settled.parked)) == (1, 1)
        assert await effects(pool, quick) == [1]
        await pool.close()


@pytest.mark.parametrize(
    ("error", "before"),
    [
        (IsADirectoryError("Europe"), 1),
        (asyncpg.InternalServerError("cache lookup"), 1),
        (MemoryError(), 1),
        # In a later batch of what is read in one go: those before it succeed every time.
        (MemoryError(), BATCH + 1),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, Exception) else f"behind {case}",
)
async def test_what_looks_like_an_outage_but_always_comes_again_is_parked_in_the_end(
    backing: Backing, error: Exception, before: int
) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        await make_table(settings)
        # On one partition, so that they are read in this order.
        place = new_id()
        good = [place, *islice(neighbours(place, MEMBERSHIPS), before - 1)]
        bad = next(neighbours(place, MEMBERSHIPS))

        async def handle(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
            if any(event.subject == str(bad) for event in events):
                raise error
            await Listener().note(conn, events)

        service = replace(
            listening(Listener()),
            reactions=(Reaction(MEMBERSHIPS, {MembershipJoined: handle}),),
        )
        await create_topics(settings)
        await Facts(settings).publish(*map(joined, good), joined(bad))
        async with running(service, settings, Kind.CONSUME) as here:

            async def parked() -> bool:
                assert await parked_as(here.pool) == [(1, "failed")]
                assert await effects(here.pool) == [1] * len(good)
                return True

            await eventually(parked, 40)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.AdminShutdownError("restart"),
        asyncpg.CannotConnectNowError("starting"),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.SerializationError("again"),
        asyncpg.DiskFullError("full"),
        asyncpg.TooManyConnectionsError("many"),
        asyncpg.QueryCanceledError("time"),
        asyncpg.LockNotAvailableError("lock"),
        asyncpg.ReadOnlySQLTransactionError("standby"),
        ConnectionResetError(),
        TimeoutError(),
        MemoryError(),
    ],
)
def test_what_passes_by_itself_is_waited_out(error: Exception) -> None:
    assert is_infrastructure(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        KeyError("missing"),
        asyncpg.UniqueViolationError("twice"),
        asyncpg.NotNullViolationError("null"),
        asyncpg.UndefinedTableError("typo"),
        asyncpg.DataError("cannot encode"),
        FileNotFoundError("template"),
    ],
)
def test_what_comes_again_is_parked(error: Exception) -> None:
    assert not is_infrastructure(error)
