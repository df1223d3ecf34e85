"""Appending: numbered without gaps, in the order of commits, whatever else goes on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samband_contracts.contacts import ContactErased
from samband_contracts.event import CloudEvent
from samband_contracts.networks import NetworkAnnounced
from samband_contracts.topics import CONTACT_STATE, NETWORKS
from samband_contracts.values import Localised
from samband_kit import database, outbox
from samband_kit.correlation import correlated
from samband_kit.ids import new_id
from samband_kit.relay import store
from samband_kit.relay.floor import Floor
from samband_kit.testing import eventually

from tests.kit.outboxes import opened, say, writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.database import Pool
    from samband_kit.testing import Backing


async def test_facts_of_a_key_are_numbered_from_one_in_the_order_given(backing: Backing) -> None:
    async with writer(backing, topics=()) as service:
        lund, falun = new_id(), new_id()
        async with database.transaction(service.pool) as conn:
            events = [opened(lund), opened(falun), opened(lund)]
            await outbox.append(conn, events)
        await say(service.pool, [lund])
        rows = await service.pool.fetch("select key, sequence from outbox order by position")
        assert [(UUID(row["key"]), row["sequence"]) for row in rows] == [
            (lund, 1),
            (falun, 1),
            (lund, 2),
            (lund, 3),
        ]


async def test_each_topic_counts_by_itself_and_a_tombstone_has_no_value(backing: Backing) -> None:
    async with writer(backing, topics=()) as service:
        someone = new_id()
        async with database.transaction(service.pool) as conn:
            await outbox.append(conn, [opened(someone), ContactErased(contact_id=someone)])
        rows = await service.pool.fetch(
            "select topic, sequence, value from outbox order by position"
        )
        assert [(row["topic"], row["sequence"], row["value"] is None) for row in rows] == [
            (NETWORKS.name, 1, False),
            (CONTACT_STATE.name, 1, True),
        ]


async def test_events_carry_the_running_correlation_or_their_own_cause(backing: Backing) -> None:
    async with writer(backing, topics=()) as service:
        story, before = new_id(), new_id()
        cause = CloudEvent(
            id=new_id(),
            source="urn:samband:registration",
            type="x",
            subject="y",
            time=datetime.now(UTC),
            sequence=1,
            data=opened(),
            correlation_id=new_id(),
        )
        with correlated(story, before):
            async with database.transaction(service.pool) as conn:
                await outbox.append(conn, [opened(), opened()], causes=[None, cause])
        rows = await service.pool.fetch("select headers from outbox order by position")
        headers = [json.loads(row["headers"]) for row in rows]
        assert [(h["ce_correlationid"], h["ce_causationid"]) for h in headers] == [
            (str(story), str(before)),
            (str(cause.correlation_id), str(cause.id)),
        ]


async def test_as_many_causes_as_events_are_wanted(backing: Backing) -> None:
    async with writer(backing, topics=()) as service, service.pool.acquire() as conn:
        for causes in ([], [None], [None] * 3):
            with pytest.raises(ValueError, match="zip"):
                await outbox.append(conn, [opened(), opened()], causes=causes)
        assert await service.waiting() == 0


async def test_a_fact_that_kafka_might_refuse_is_refused_where_it_is_written(
    backing: Backing,
) -> None:
    async with writer(backing, topics=()) as service:
        large = NetworkAnnounced.model_construct(
            network_id=new_id(),
            name=Localised.model_construct(sv="å" * 130_000, en=""),
            round=1,
            call_id=None,
        )
        async with service.pool.acquire() as conn:
            with pytest.raises(outbox.EventTooLarge, match=r"NetworkAnnounced of .* has 26"):
                await outbox.append(conn, [opened(), large])
            assert await conn.fetchval("select count(*) from outbox") == 0


async def test_two_writers_of_the_same_keys_wait_for_each_other_and_never_deadlock(
    backing: Backing,
) -> None:
    async with writer(backing, topics=()) as service:
        keys = [new_id() for _ in range(20)]

        async def write(order: list[UUID]) -> None:
            for _ in range(15):
                await say(service.pool, order)

        await asyncio.gather(write(keys), write(keys[::-1]), write(keys[10:] + keys[:10]))
        counters = await service.pool.fetch("select last_sequence from outbox_counters")
        assert [row["last_sequence"] for row in counters] == [45] * 20


@dataclass(frozen=True)
class Transaction:
    """A transaction of the property test: which keys it appends to, and how it ends."""

    keys: tuple[int, ...]
    more: tuple[int, ...]
    pause: float
    commits: bool


transactions = st.builds(
    Transaction,
    keys=st.lists(st.integers(0, 3), min_size=1, max_size=6).map(tuple),
    # A second append, of keys that only this transaction has, so that no deadlock is asked for.
    more=st.lists(st.integers(0, 1), max_size=3).map(tuple),
    pause=st.sampled_from([0.0, 0.001, 0.005]),
    commits=st.booleans(),
)


@pytest.fixture(scope="module")
async def pool(backing: Backing) -> AsyncIterator[Pool]:
    async with writer(backing, topics=()) as service:
        yield service.pool


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(plan=st.lists(st.lists(transactions, max_size=4), min_size=2, max_size=6))
async def test_whatever_commits_is_gap_free_and_is_seen_in_order(
    pool: Pool, plan: list[list[Transaction]]
) -> None:
    """Writers append and roll back side by side while a reader takes what waits, as the relay does."""
    shared = [new_id() for _ in range(4)]
    expected: dict[str, int] = {}
    seen: dict[str, list[int]] = {}
    writing = True

    async def write(planned: list[Transaction]) -> None:
        own = [new_id(), new_id()]
        for transaction in planned:
            keys = [shared[index] for index in transaction.keys]
            more = [own[index] for index in transaction.more]
            async with pool.acquire() as conn:
                running = conn.transaction()
                await running.start()
                await outbox.append(conn, [opened(key) for key in keys])
                await asyncio.sleep(transaction.pause)
                await outbox.append(conn, [opened(key) for key in more])
                if not transaction.commits:
                    await running.rollback()
                    continue
                await running.commit()
            for key in keys + more:
                expected[str(key)] = expected.get(str(key), 0) + 1

    floor = Floor()

    async def take(conn: database.Connection) -> bool:
        await floor.rise(conn)
        rows = await store.waiting(
            conn,
            limit=7,
            largest=10**6,
            except_positions=[],
            except_topics=[],
            floor=floor.position,
        )
        taken = await conn.fetch(
            "select position, key, sequence from outbox where position = any($1::bigint[])"
            " order by position",
            [row["position"] for row in rows],
        )
        for row in taken:
            seen.setdefault(row["key"], []).append(row["sequence"])
        await store.mark(conn, [row["position"] for row in rows])
        return bool(rows)

    async def read() -> None:
        async with pool.acquire() as conn:
            while writing:
                await take(conn)
            while await take(conn):
                pass

    reading = asyncio.create_task(read())
    try:
        await asyncio.gather(*(write(planned) for planned in plan))
    finally:
        writing = False
        await reading
    assert seen == {key: list(range(1, last + 1)) for key, last in expected.items()}


async def test_the_floor_waits_for_a_transaction_that_may_still_turn_up(pool: Pool) -> None:
    async with pool.acquire() as reader, pool.acquire() as late:
        floor = Floor()

        async def rises_to(position: int) -> bool:
            # Transactions of other databases on the server delay it, too.
            await floor.rise(reader)
            return floor.position == position

        transaction = late.transaction()
        await transaction.start()
        await outbox.append(late, [opened()])
        await say(pool, [new_id()])
        [*_, published] = await reader.fetch(
            "update outbox set published_at = now() returning position"
        )
        for _ in range(20):
            await floor.rise(reader)
        assert floor.position < published["position"]
        await transaction.commit()
        lowest = await reader.fetchval(
            "select min(position) from outbox where published_at is null"
        )
        await eventually(lambda: rises_to(lowest))

        await store.mark(reader, [lowest])
        last = await reader.fetchval("select max(position) from outbox")
        await eventually(lambda: rises_to(last + 1))
