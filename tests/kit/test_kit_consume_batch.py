"""What a batch does, in one transaction, to effects, positions and parked records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from samband_contracts.kafka import to_headers
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS
from samband_kit import outbox
from samband_kit.consumer.batch import Settled, apply_batch
from samband_kit.consumer.records import read
from samband_kit.correlation import current
from samband_kit.database import open_pool
from samband_kit.ids import new_id
from samband_kit.reactions import Reaction
from samband_kit.testing import service_settings

from tests.kit.effects import (
    TABLE,
    Listener,
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
    from samband_contracts.topics import Topic
    from samband_kit.database import Connection, Pool
    from samband_kit.testing import Backing


@pytest.fixture
async def pool(backing: Backing) -> AsyncIterator[Pool]:
    async with service_settings(backing, "samband_kit") as settings:
        opened = await open_pool(settings)
        await opened.execute(TABLE)
        yield opened
        await opened.close()


def ends(settled: Settled) -> dict[str, int]:
    return {
        "applied": len(settled.applied),
        "duplicate": settled.duplicates,
        "parked": len(settled.parked),
        "ignored": len(settled.ignored),
    }


async def position(pool: Pool, key: object) -> int:
    return int(await pool.fetchval("select last_sequence from positions where key = $1", str(key)))


async def test_events_are_applied_in_sets_of_one_type_without_a_key_twice(pool: Pool) -> None:
    one, two = new_id(), new_id()
    listener = Listener()
    batch = [arrived(event) for event in (*story(one, 2), *story(two, 2))]
    settled = await apply_batch(pool, listener.memberships, batch)
    assert ends(settled) == {"applied": 4, "duplicate": 0, "parked": 0, "ignored": 0}
    assert [sorted(keys) for keys in listener.sets] == [sorted([str(one), str(two)])] * 2
    assert await effects(pool, one) == await effects(pool, two) == [1, 2]


async def test_a_repeated_batch_has_no_effect(pool: Pool) -> None:
    batch = [arrived(event) for event in story(new_id(), 3)]
    await apply_batch(pool, Listener().memberships, batch)
    settled = await apply_batch(pool, Listener().memberships, batch)
    assert ends(settled) == {"applied": 0, "duplicate": 3, "parked": 0, "ignored": 0}
    assert await effects(pool) == [1, 2, 3]


async def test_an_event_twice_in_a_batch_has_one_effect(pool: Pool) -> None:
    [first, second] = story(new_id(), 2)
    settled = await apply_batch(
        pool, Listener().memberships, [arrived(e) for e in (first, first, second, first, second)]
    )
    assert ends(settled) == {"applied": 2, "duplicate": 3, "parked": 0, "ignored": 0}


async def test_a_shuffled_batch_is_applied_in_order(pool: Pool) -> None:
    key = new_id()
    [one, two, three] = story(key, 3)
    await apply_batch(pool, Listener().memberships, [arrived(e) for e in (three, one, two)])
    assert await effects(pool, key) == [1, 2, 3]


async def test_a_gap_parks_what_follows_and_holds_nobody_else(pool: Pool) -> None:
    key, other = new_id(), new_id()
    [one, _two, three, four] = story(key, 4)
    batch = [arrived(e) for e in (one, three, four, *story(other, 2))]
    settled = await apply_batch(pool, Listener().memberships, batch)
    assert ends(settled) == {"applied": 3, "duplicate": 0, "parked": 2, "ignored": 0}
    assert await parked_as(pool) == [(3, "gap"), (4, "behind")]
    assert await position(pool, key) == 1
    assert await effects(pool, other) == [1, 2]


async def test_what_is_parked_is_not_parked_again(pool: Pool) -> None:
    [_one, two] = story(new_id(), 2)
    await apply_batch(pool, Listener().memberships, [arrived(two, offset=7)])
    settled = await apply_batch(pool, Listener().memberships, [arrived(two, offset=9)])
    assert ends(settled) == {"applied": 0, "duplicate": 1, "parked": 0, "ignored": 0}


async def test_another_event_with_an_applied_number_is_a_fork(pool: Pool) -> None:
    key = new_id()
    await apply_batch(pool, Listener().memberships, [arrived(said(joined(key), 1))])
    settled = await apply_batch(pool, Listener().memberships, [arrived(said(joined(key), 1))])
    assert ends(settled)["parked"] == 1
    assert await parked_as(pool) == [(1, "fork")]
    # The key goes on: which history is right is for people to decide.
    await apply_batch(pool, Listener().memberships, [arrived(said(left(key), 2))])
    assert await effects(pool, key) == [1, 2]


async def test_a_failing_record_is_parked_with_what_follows_it_and_others_go_on(
    pool: Pool,
) -> None:
    bad, good = new_id(), new_id()
    listener = Listener(broken={str(bad)})
    batch = [arrived(event) for event in (*story(bad, 3), *story(good, 3))]
    settled = await apply_batch(pool, listener.memberships, batch)
    assert ends(settled) == {"applied": 3, "duplicate": 0, "parked": 3, "ignored": 0}
    assert await parked_as(pool) == [(1, "failed"), (2, "behind"), (3, "behind")]
    assert await effects(pool) == [1, 2, 3]
    assert await position(pool, bad) == 0


async def test_the_reason_of_a_failure_is_kept_without_the_row_that_postgres_shows(
    pool: Pool,
) -> None:
    async def insert_null(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        await conn.execute(
            "insert into effects (key, sequence, event_type) values ('secret', 1, 'x')"
        )

    reaction = Reaction(MEMBERSHIPS, {type(joined(new_id())): insert_null})
    await apply_batch(pool, reaction, [arrived(said(joined(new_id()), 1))])
    error = await pool.fetchval("select error from parked")
    assert error.startswith("NotNullViolationError")
    assert "secret" not in error


async def test_a_type_that_nobody_handles_is_ignored_and_moves_the_position(pool: Pool) -> None:
    key = new_id()
    settled = await apply_batch(
        pool, Listener().joined_only, [arrived(event) for event in story(key, 3)]
    )
    assert ends(settled) == {"applied": 2, "duplicate": 0, "parked": 0, "ignored": 1}
    assert await position(pool, key) == 3


async def test_a_type_that_nobody_knows_is_ignored_and_moves_the_position(pool: Pool) -> None:
    headers = [
        ("ce_id", str(new_id()).encode()),
        ("ce_source", MEMBERSHIPS.source.encode()),
        ("ce_type", b"se.icld.membership.paused.v1"),
        ("ce_time", b"2026-01-01T00:00:00Z"),
        ("ce_sequence", b"1"),
    ]
    unknown = raw(MEMBERSHIPS, key=b"some-key", value=b"\xff anything", headers=headers)
    settled = await apply_batch(pool, Listener().memberships, [unknown])
    assert ends(settled) == {"applied": 0, "duplicate": 0, "parked": 0, "ignored": 1}
    assert await position(pool, "some-key") == 1


async def test_every_record_of_a_mixed_batch_is_counted_once(pool: Pool) -> None:
    key, bad = new_id(), new_id()
    [one, two, _three, four] = story(key, 4)
    listener = Listener(broken={str(bad)})
    poison = raw(MEMBERSHIPS, key=b"\xff")
    batch = [
        *(arrived(event) for event in (one, two, one, four, four, *story(bad, 2))),
        poison,
        poison,
    ]
    for expected in (
        {"applied": 2, "duplicate": 3, "parked": 4, "ignored": 0},
        {"applied": 0, "duplicate": 9, "parked": 0, "ignored": 0},
    ):
        settled = await apply_batch(pool, listener.memberships, batch)
        assert ends(settled) == expected
        assert sum(expected.values()) == len(batch)


async def test_a_pulse_means_nothing(pool: Pool) -> None:
    pulse = raw(CONTACT_STATE, key=b"pulse", headers=[("ce_type", b"se.icld.pulse.beaten.v1")])
    settled = await apply_batch(pool, Listener().contacts, [pulse])
    assert ends(settled) == {"applied": 0, "duplicate": 0, "parked": 0, "ignored": 1}


@pytest.mark.parametrize(
    ("topic", "key", "event_type"),
    [
        (MEMBERSHIPS, b"pulse", b"se.icld.pulse.beaten.v1"),
        (CONTACT_STATE, b"pulse", b"se.icld.contact.renamed.v1"),
        (CONTACT_STATE, b"somebody", b"se.icld.pulse.beaten.v1"),
    ],
)
async def test_what_only_resembles_a_pulse_is_parked(
    pool: Pool, topic: Topic, key: bytes, event_type: bytes
) -> None:
    resembling = raw(topic, key=key, headers=[("ce_type", event_type)], value=b"{}")
    listener = Listener()
    reaction = listener.contacts if topic.is_state else listener.memberships
    settled = await apply_batch(pool, reaction, [resembling])
    assert ends(settled) == {"applied": 0, "duplicate": 0, "parked": 1, "ignored": 0}


async def test_a_complaint_that_repeats_a_nul_is_stored_without_it(pool: Pool) -> None:
    event = said(joined(new_id()), 1)
    broken = read(
        MEMBERSHIPS, 0, 0, event.subject.encode(), to_headers(event), b'{"\\u0000": "\\u0000"}'
    )
    broken.complaint = "a\0b\ud800"
    settled = await apply_batch(pool, Listener().memberships, [broken])
    assert ends(settled)["parked"] == 1
    assert await pool.fetchval("select error from parked") == "ab?"


async def test_of_state_only_the_newest_of_a_batch_is_handed_over(pool: Pool) -> None:
    key = new_id()
    batch = [arrived(said(described(key), sequence)) for sequence in (2, 9, 5)]
    settled = await apply_batch(pool, Listener().contacts, batch)
    assert ends(settled) == {"applied": 1, "duplicate": 2, "parked": 0, "ignored": 0}
    assert await effects(pool, key) == [9]
    settled = await apply_batch(pool, Listener().contacts, [arrived(said(described(key), 8))])
    assert ends(settled)["duplicate"] == 1


async def test_newer_state_replaces_what_is_broken_below_it(pool: Pool) -> None:
    key = new_id()
    event = said(described(key), 1)
    broken = arrived(event)
    broken.event, broken.complaint = None, "broken"
    settled = await apply_batch(pool, Listener().contacts, [broken])
    assert ends(settled)["parked"] == 1
    settled = await apply_batch(pool, Listener().contacts, [arrived(said(described(key), 2))])
    assert ends(settled)["applied"] == 1
    assert settled.woken


async def test_a_handler_belongs_to_the_correlation_of_its_event(pool: Pool) -> None:
    seen = []

    async def look(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        seen.append(current())

    reaction = Reaction(MEMBERSHIPS, {type(joined(new_id())): look})
    one, two = said(joined(new_id()), 1), said(joined(new_id()), 1)
    await apply_batch(pool, reaction, [arrived(one)])
    assert seen[0] is not None
    assert (seen[0].correlation_id, seen[0].causation_id) == (one.correlation_id, one.id)
    await apply_batch(pool, reaction, [arrived(two), arrived(said(joined(new_id()), 1))])
    assert seen[1] is None


async def test_what_a_set_appends_names_its_own_cause(pool: Pool) -> None:
    async def answer(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        await outbox.append(conn, [left(e.data.membership_id) for e in events], causes=events)

    reaction = Reaction(MEMBERSHIPS, {type(joined(new_id())): answer})
    events = [said(joined(new_id()), 1) for _ in range(3)]
    await apply_batch(pool, reaction, [arrived(event) for event in events])
    rows = await pool.fetch("select key, correlation_id, headers from outbox")
    assert {(row["key"], row["correlation_id"]) for row in rows} == {
        (event.subject, event.correlation_id) for event in events
    }


async def test_what_a_batch_appends_is_written_at_once_and_in_order(pool: Pool) -> None:
    answered = new_id()

    async def answer(conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        await outbox.append(conn, [joined(answered) for _ in events], causes=events)
        # Nothing is locked before the end of the batch: no order of calls can deadlock.
        assert await conn.fetchval("select count(*) from outbox_counters") == 0

    reaction = Reaction(MEMBERSHIPS, {type(joined(answered)): answer, type(left(answered)): answer})
    events = story(new_id(), 4)
    await apply_batch(pool, reaction, [arrived(event) for event in events])
    rows = await pool.fetch(
        "select sequence, headers->>'ce_causationid' as cause from outbox order by position"
    )
    assert [(row["sequence"], row["cause"]) for row in rows] == [
        (number, str(event.id)) for number, event in enumerate(events, 1)
    ]
