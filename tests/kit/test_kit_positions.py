"""For any order in which events come, however often: the effects of one pass in order."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samband_contracts.topics import MEMBERSHIPS as TOPIC
from samband_kit.consumer.batch import apply_batch
from samband_kit.consumer.plan import decide, keys_of
from samband_kit.consumer.positions import Position, advance, lock
from samband_kit.consumer.records import read
from samband_kit.consumer.retries import heal
from samband_kit.database import open_pool, transaction
from samband_kit.testing import service_settings

from tests.kit.effects import (
    TABLE,
    Listener,
    arrived,
    described,
    effects,
    said,
    story,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from samband_contracts.event import CloudEvent
    from samband_kit.consumer.records import Arrived
    from samband_kit.database import Pool
    from samband_kit.reactions import Reaction
    from samband_kit.testing import Backing

KEYS = [UUID(int=number) for number in (1, 2, 3)]
LENGTH = 5
MEMBERSHIPS = {key: story(key, LENGTH) for key in KEYS}
CONTACTS = {
    key: [said(described(key, f"Name {n}"), n) for n in range(1, LENGTH + 1)] for key in KEYS
}


@pytest.fixture
async def pool(backing: Backing) -> AsyncIterator[Pool]:
    async with service_settings(backing, "samband_kit") as settings:
        opened = await open_pool(settings)
        await opened.execute(TABLE)
        yield opened
        await opened.close()


@st.composite
def readings(draw: st.DrawFn, facts: dict[UUID, list[CloudEvent[Any]]]) -> list[list[Arrived]]:
    """All events, in any order, some of them again, cut into batches anywhere."""
    events = [event for story in facts.values() for event in story]
    again = draw(st.lists(st.sampled_from(events), max_size=8))
    order = draw(st.permutations([*events, *again]))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=6)))
    edges = [0, *cuts, len(order)]
    return [
        [arrived(event, offset) for offset, event in enumerate(order[begin:end], begin)]
        for begin, end in pairwise(edges)
    ]


async def read_all(pool: Pool, reaction: Reaction, batches: list[list[Arrived]]) -> dict[str, int]:
    await pool.execute("truncate effects, positions, parked")
    counts = {"applied": 0, "duplicate": 0, "parked": 0, "ignored": 0}
    for batch in batches:
        settled = await apply_batch(pool, reaction, batch)
        counts["applied"] += len(settled.applied)
        counts["duplicate"] += settled.duplicates
        counts["parked"] += len(settled.parked)
        counts["ignored"] += len(settled.ignored)
        for key in KEYS:
            async with transaction(pool) as conn:
                await heal(conn, reaction, str(key))
    return counts


ANY_ORDER = settings(
    max_examples=30,
    deadline=None,
    # The fixture's database is emptied by each example itself.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@ANY_ORDER
@given(batches=readings(MEMBERSHIPS))
async def test_events_come_in_any_order_and_are_applied_in_theirs(
    pool: Pool, batches: list[list[Arrived]]
) -> None:
    counts = await read_all(pool, Listener().memberships, batches)
    assert sum(counts.values()) == sum(map(len, batches))
    for key in KEYS:
        assert await effects(pool, key) == list(range(1, LENGTH + 1))
    assert await pool.fetchval("select count(*) from parked") == 0


@ANY_ORDER
@given(batches=readings(CONTACTS))
async def test_state_comes_in_any_order_and_ends_as_the_newest(
    pool: Pool, batches: list[list[Arrived]]
) -> None:
    counts = await read_all(pool, Listener().contacts, batches)
    assert sum(counts.values()) == sum(map(len, batches))
    for key in KEYS:
        applied = await effects(pool, key)
        assert applied == sorted(set(applied))
        assert applied[-1] == LENGTH


@ANY_ORDER
@given(batches=readings(MEMBERSHIPS), broken=st.sampled_from(KEYS))
async def test_a_key_that_fails_changes_nothing_for_others_and_heals_in_order(
    pool: Pool, batches: list[list[Arrived]], broken: UUID
) -> None:
    listener = Listener(broken={str(broken)})
    counts = await read_all(pool, listener.memberships, batches)
    assert sum(counts.values()) == sum(map(len, batches))
    for key in KEYS:
        expected = [] if key == broken else list(range(1, LENGTH + 1))
        assert await effects(pool, key) == expected
    listener.broken = set()
    async with transaction(pool) as conn:
        await heal(conn, listener.memberships, str(broken))
    assert await effects(pool, broken) == list(range(1, LENGTH + 1))


@given(
    sequences=st.lists(st.integers(1, 9), max_size=12),
    at=st.integers(0, 5),
)
def test_every_record_of_a_plan_has_exactly_one_end(sequences: list[int], at: int) -> None:
    key = KEYS[0]
    facts = {event.sequence: event for event in story(key, 9)}
    batch = [arrived(facts[sequence], offset) for offset, sequence in enumerate(sequences)]
    standing = {one: Position(at, facts[at].id if at else None) for one in keys_of(batch)}
    plan = decide(Listener().memberships, batch, standing)
    ended = [
        *(one for records in plan.accepted.values() for one in records),
        *plan.duplicates,
        *plan.ignored,
        *(parking.arrived for parking in plan.parked),
    ]
    assert sorted(map(id, ended)) == sorted(map(id, batch))
    accepted = [one.number for records in plan.accepted.values() for one in records]
    assert accepted == list(range(at + 1, at + 1 + len(accepted)))


async def test_two_readers_of_the_same_records_have_one_effect(pool: Pool) -> None:
    events = [arrived(event) for facts in MEMBERSHIPS.values() for event in facts]
    first, second = await asyncio.gather(
        apply_batch(pool, Listener().memberships, events),
        apply_batch(pool, Listener().memberships, events[::-1]),
    )
    assert len(first.applied) + len(second.applied) == len(events)
    assert first.duplicates + second.duplicates == len(events)
    for key in KEYS:
        assert await effects(pool, key) == list(range(1, LENGTH + 1))


async def test_a_position_reaches_the_last_number_that_can_be(pool: Pool) -> None:
    event = said(described(KEYS[0]), 2**63 - 1)
    settled = await apply_batch(pool, Listener().contacts, [arrived(event)])
    assert len(settled.applied) == 1


async def test_an_old_log_read_from_the_start_changes_nothing(pool: Pool) -> None:
    log = [arrived(event) for facts in MEMBERSHIPS.values() for event in facts]
    for batch in (log[:7], log[7:]):
        await apply_batch(pool, Listener().memberships, batch)
    listener = Listener()
    for begin in range(0, len(log), 4):
        settled = await apply_batch(pool, listener.memberships, log[begin : begin + 4])
        assert settled.duplicates == len(log[begin : begin + 4])
    assert listener.sets == []


async def test_the_good_copy_of_a_record_with_a_broken_header_is_kept(pool: Pool) -> None:
    [one, two] = story(KEYS[0], 2)
    good = arrived(two, offset=2)
    headers = [(n, b"never" if n == "ce_time" else v) for n, v in good.raw_headers]
    broken = read(TOPIC, 0, 1, good.raw_key, headers, good.raw_value)
    reaction = Listener().memberships
    for record in (broken, good, broken, good, arrived(one)):
        await apply_batch(pool, reaction, [record])
    async with transaction(pool) as conn:
        await heal(conn, reaction, str(KEYS[0]))
    assert await effects(pool, KEYS[0]) == [1, 2]
    assert await pool.fetchval("select count(*) from parked") == 1


async def test_a_new_key_that_does_not_come_where_it_was_hoped_to_is_put_right(pool: Pool) -> None:
    here, elsewhere, nowhere = map(str, KEYS)
    hoped = {key: Position(3, UUID(int=3)) for key in (here, elsewhere, nowhere)}
    reached = {here: hoped[here], elsewhere: Position(2, UUID(int=2))}
    async with transaction(pool) as conn:
        standing = await lock(conn, TOPIC.name, hoped, hoped)
        assert list(standing.values()) == [Position()] * 3
        await advance(conn, TOPIC.name, reached, standing.begun)
    async with transaction(pool) as conn:
        standing = await lock(conn, TOPIC.name, hoped, hoped)
        assert dict(standing) == {**reached, nowhere: Position()}
        assert not standing.begun
