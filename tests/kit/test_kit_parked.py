"""Parked records: how they heal, in which order, and what an operator may do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from samband_contracts.contacts import ContactErased
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS
from samband_kit import outbox
from samband_kit.consumer import inspection, parked
from samband_kit.consumer.batch import apply_batch
from samband_kit.consumer.retries import Healed, Retries, heal
from samband_kit.database import open_pool, transaction
from samband_kit.ids import new_id
from samband_kit.metrics import ConsumeMetrics
from samband_kit.reactions import Reaction
from samband_kit.testing import eventually, service_settings

from tests.kit.effects import (
    TABLE,
    Listener,
    Refused,
    arrived,
    described,
    effects,
    joined,
    left,
    parked_as,
    raw,
    said,
    story,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from typing import Any

    from samband_contracts.event import CloudEvent
    from samband_kit.database import Connection, Pool
    from samband_kit.testing import Backing


@pytest.fixture
async def pool(backing: Backing) -> AsyncIterator[Pool]:
    async with service_settings(backing, "samband_kit") as settings:
        opened = await open_pool(settings)
        await opened.execute(TABLE)
        yield opened
        await opened.close()


async def apply(pool: Pool, reaction: Reaction, *events: CloudEvent[Any], offset: int = 0) -> None:
    await apply_batch(pool, reaction, [arrived(event, offset) for event in events])


async def heal_key(pool: Pool, reaction: Reaction, key: object) -> Healed:
    async with transaction(pool) as conn:
        return await heal(conn, reaction, str(key))


async def due(pool: Pool) -> list[tuple[str, str]]:
    async with pool.acquire() as conn:
        return await parked.due(conn, [MEMBERSHIPS.name, CONTACT_STATE.name], limit=10)


async def only_id(pool: Pool, sequence: int | None = None) -> int:
    return int(
        await pool.fetchval(
            "select parked_id from parked where sequence is not distinct from $1", sequence
        )
    )


async def test_the_missing_event_heals_the_gap_in_order(pool: Pool) -> None:
    key, listener = new_id(), Listener()
    [one, two, three, four] = story(key, 4)
    await apply(pool, listener.memberships, one, four, three)
    assert await due(pool) == []
    await apply(pool, listener.memberships, two)
    assert await due(pool) == [(MEMBERSHIPS.name, str(key))]
    healed = await heal_key(pool, listener.memberships, key)
    assert (healed.applied, healed.replaced, healed.kept) == (2, 0, [])
    assert await effects(pool, key) == [1, 2, 3, 4]
    assert await parked_as(pool) == []


async def test_a_second_gap_waits_on_its_own(pool: Pool) -> None:
    key, listener = new_id(), Listener()
    [one, two, three, _four, five, six] = story(key, 6)
    await apply(pool, listener.memberships, one, three, five, six)
    await apply(pool, listener.memberships, two)
    await heal_key(pool, listener.memberships, key)
    assert await effects(pool, key) == [1, 2, 3]
    assert await parked_as(pool) == [(5, "gap"), (6, "behind")]


async def test_a_mended_handler_applies_the_chain_in_order(pool: Pool) -> None:
    key, listener = new_id(), Listener()
    listener.broken = {str(key)}
    await apply(pool, listener.memberships, *story(key, 5))
    healed = await heal_key(pool, listener.memberships, key)
    assert [one.reason.value for one in healed.kept] == ["failed", *["behind"] * 4]
    listener.broken = set()
    healed = await heal_key(pool, listener.memberships, key)
    assert healed.applied == 5
    assert await effects(pool, key) == [1, 2, 3, 4, 5]


async def test_attempts_are_never_given_up_and_come_at_growing_intervals(pool: Pool) -> None:
    key = new_id()
    listener = Listener(broken={str(key)})
    await apply(pool, listener.memberships, *story(key, 1))
    waits = []
    for attempt in range(2, 16):
        await heal_key(pool, listener.memberships, key)
        row = await pool.fetchrow(
            "select attempts, extract(epoch from next_attempt_at - clock_timestamp()) as wait from parked"
        )
        assert row is not None
        assert row["attempts"] == attempt
        waits.append(float(row["wait"]))
    assert waits[0] < 15
    assert all(1700 < wait <= 3600 for wait in waits[-2:])


async def test_an_unparsable_record_waits_for_an_operator_and_its_key_behind_it(
    pool: Pool,
) -> None:
    key, listener = new_id(), Listener()
    [one, two, three] = story(key, 3)
    broken = arrived(two)
    broken.raw_value = b"{"
    poison = raw(MEMBERSHIPS, key=broken.raw_key, value=b"{", headers=broken.raw_headers)
    await apply_batch(pool, listener.memberships, [arrived(one), poison, arrived(three)])
    assert await parked_as(pool) == [(2, "unparsable"), (3, "behind")]
    assert await pool.fetchval("select count(*) from parked where next_attempt_at is null") == 2
    # A version that can read it would apply it; this one cannot.
    healed = await heal_key(pool, listener.memberships, key)
    assert [one.reason.value for one in healed.kept] == ["unparsable", "behind"]
    async with transaction(pool) as conn:
        skipped = await inspection.skip(
            conn, await only_id(pool, 2), operator="kim", reason="written by a broken version"
        )
    assert (skipped.first, skipped.last) == (2, 2)
    assert await due(pool) == [(MEMBERSHIPS.name, str(key))]
    await heal_key(pool, listener.memberships, key)
    assert await effects(pool, key) == [1, 3]
    audit = await pool.fetchrow("select operator, command, reason from operator_audit")
    assert audit is not None
    assert tuple(audit) == ("kim", "parked skip", "written by a broken version")


async def test_a_skipped_record_is_a_duplicate_when_the_log_is_read_again(pool: Pool) -> None:
    listener = Listener()
    nameless = raw(MEMBERSHIPS, value=b"?", headers=[("x", None)], offset=3)
    await apply_batch(pool, listener.memberships, [nameless])
    async with transaction(pool) as conn:
        await inspection.skip(conn, await only_id(pool), operator="kim", reason="noise")
    settled = await apply_batch(pool, listener.memberships, [nameless])
    assert (settled.duplicates, len(settled.parked)) == (1, 0)
    assert await pool.fetchval("select raw_value is null and raw_headers = '[]' from parked")


async def test_only_the_first_of_a_key_can_be_skipped(pool: Pool) -> None:
    key = new_id()
    listener = Listener(broken={str(key)})
    await apply(pool, listener.memberships, *story(key, 2))
    first = await only_id(pool, 1)
    with pytest.raises(inspection.WaitsBehind, match=f"waits behind record {first} "):
        async with transaction(pool) as conn:
            await inspection.skip(conn, await only_id(pool, 2), operator="kim", reason="no")


async def test_a_loss_can_be_accepted_without_losing_what_follows(pool: Pool) -> None:
    key, listener = new_id(), Listener()
    [one, _two, _three, four] = story(key, 4)
    await apply(pool, listener.memberships, one, four)
    async with transaction(pool) as conn:
        skipped = await inspection.skip_gap(
            conn, await only_id(pool, 4), operator="kim", reason="lost with the old cluster"
        )
    assert (skipped.first, skipped.last) == (2, 3)
    await heal_key(pool, listener.memberships, key)
    assert await effects(pool, key) == [1, 4]
    # The lost one, should it turn up after all, is too late.
    settled = await apply_batch(pool, listener.memberships, [arrived(_three)])
    assert settled.duplicates == 1


async def test_a_gap_can_only_be_skipped_where_there_is_one(pool: Pool) -> None:
    key = new_id()
    listener = Listener(broken={str(key)})
    await apply(pool, listener.memberships, *story(key, 1))
    with pytest.raises(inspection.NothingMissing):
        async with transaction(pool) as conn:
            await inspection.skip_gap(conn, await only_id(pool, 1), operator="kim", reason="no")


async def test_a_fork_stays_until_an_operator_skips_it(pool: Pool) -> None:
    key, listener = new_id(), Listener()
    await apply(pool, listener.memberships, *story(key, 1))
    other = said(joined(key), 1)
    await apply(pool, listener.memberships, other)
    await apply(pool, listener.memberships, said(left(key), 2), said(joined(key), 4))
    await apply(pool, listener.memberships, said(left(key), 3))
    await heal_key(pool, listener.memberships, key)
    assert await parked_as(pool) == [(1, "fork")]
    assert await effects(pool, key) == [1, 2, 3, 4]
    async with transaction(pool) as conn:
        await inspection.skip(conn, await only_id(pool, 1), operator="kim", reason="a test")
    assert await parked_as(pool) == []
    assert await pool.fetchval("select last_sequence from positions") == 4


async def test_newer_state_replaces_a_parked_one(pool: Pool) -> None:
    key, listener = new_id(), Listener()
    listener.broken = {str(key)}
    await apply(pool, listener.contacts, said(described(key, "Old"), 3))
    assert await parked_as(pool) == [(3, "failed")]
    listener.broken = set()
    await apply(pool, listener.contacts, said(described(key, "New"), 7))
    healed = await heal_key(pool, listener.contacts, key)
    assert (healed.applied, healed.replaced) == (0, 1)
    assert await parked_as(pool) == []
    assert await effects(pool, key) == [7]


async def test_an_erasure_leaves_nothing_of_the_person_parked(pool: Pool) -> None:
    key, listener = new_id(), Listener()
    await apply(pool, listener.contacts, said(described(key), 1))
    await apply(pool, listener.contacts, said(described(key, "A fork"), 1))
    assert await parked_as(pool) == [(1, "fork")]
    await apply(pool, listener.contacts, said(ContactErased(contact_id=key), 2))
    await heal_key(pool, listener.contacts, key)
    assert await pool.fetchval("select count(*) from parked") == 0


async def test_a_long_chain_heals_page_by_page(pool: Pool) -> None:
    key, listener = new_id(), Listener()
    [one, *rest] = story(key, 601)
    await apply(pool, listener.memberships, *rest)
    await apply(pool, listener.memberships, one)
    first = await heal_key(pool, listener.memberships, key)
    assert (first.applied, first.more) == (500, True)
    second = await heal_key(pool, listener.memberships, key)
    assert (second.applied, second.more) == (100, False)
    assert await effects(pool, key) == list(range(1, 602))


async def test_what_a_failed_record_appended_is_not_published(pool: Pool) -> None:
    async def append_and_fail(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        await outbox.append(conn, [left(new_id())], causes=events[:1])
        raise Refused

    reaction = Reaction(MEMBERSHIPS, {type(joined(new_id())): append_and_fail})
    await apply(pool, reaction, said(joined(new_id()), 1))
    assert await pool.fetchval("select count(*) from outbox") == 0


async def test_a_parked_record_is_shown_with_its_bytes(pool: Pool) -> None:
    listener = Listener()
    poison = raw(MEMBERSHIPS, key=b"\xff", value=b"{", headers=[("a", None), ("b", b"\xff")])
    await apply_batch(pool, listener.memberships, [poison])
    async with pool.acquire() as conn:
        shown = await inspection.show(conn, await only_id(pool))
        with pytest.raises(inspection.NotParked):
            await inspection.show(conn, 999)
    assert shown["raw_headers"] == [["a", None], ["b", "base64:/w=="]]
    assert (shown["raw_key"], shown["raw_value"]) == ("base64:/w==", "{")


async def test_a_key_that_breaks_its_transaction_does_not_stop_the_other_keys(pool: Pool) -> None:
    bad, good = new_id(), new_id()
    listener = Listener(broken={str(bad), str(good)})
    await apply(pool, listener.memberships, said(joined(bad), 1), said(joined(good), 1))
    await pool.execute(
        "update parked set next_attempt_at = now() - make_interval(hours => (key = $1)::int)",
        str(bad),
    )

    async def break_off(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        if events[0].subject == str(bad):
            await conn.execute("select pg_terminate_backend(pg_backend_pid())")
        await Listener().note(conn, events)

    reaction = Reaction(MEMBERSHIPS, {type(joined(bad)): break_off})
    retries = Retries(pool, [reaction], ConsumeMetrics(CollectorRegistry()))
    stop = asyncio.Event()
    trying = asyncio.create_task(retries.run(stop))

    async def good_one_healed() -> bool:
        left_over = await parked_as(pool), await due(pool)
        return await effects(pool) == [1] and left_over == ([(1, "failed")], [])

    await eventually(good_one_healed)
    stop.set()
    await trying
