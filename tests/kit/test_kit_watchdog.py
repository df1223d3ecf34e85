"""A consumer that stands still although Kafka and Postgres answer."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from samband_contracts.topics import MEMBERSHIPS
from samband_kit.consumer.ahead import BATCH
from samband_kit.ids import new_id
from samband_kit.testing import eventually
from samband_kit.watchdog import StandsStill, Stillness

from tests.kit.consuming import neighbours
from tests.kit.effects import Listener, effects, joined
from tests.kit.watched import watched

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from samband_contracts.event import CloudEvent
    from samband_kit.database import Connection
    from samband_kit.testing import Backing


def test_nothing_waits_and_nothing_is_wrong() -> None:
    still = Stillness(patience=60)
    assert not any(still.observe(0, {0: 7}, {0: 7}, 50) for _ in range(10))


def test_standing_still_counts_only_while_records_wait() -> None:
    still = Stillness(patience=60)
    assert not still.observe(0, {0: 7}, {0: 9}, 50)
    assert not still.observe(0, {0: 7}, {0: 9}, 50)
    assert still.observe(0, {0: 7}, {0: 9}, 50)


def test_a_settled_record_is_progress_also_inside_of_a_batch() -> None:
    still = Stillness(patience=60)
    assert not any(still.observe(count, {0: 7}, {0: 9}, 50) for count in range(10))


def test_what_is_rolled_back_again_and_again_is_no_progress() -> None:
    still = Stillness(patience=60)
    still.observe(10, {0: 7}, {0: 9}, 1)
    assert [still.observe(count, {0: 7}, {0: 9}, 50) for count in (15, 10, 15)] == [
        False,
        False,
        True,
    ]


def test_one_partition_may_stand_still_longer_but_not_for_ever() -> None:
    still = Stillness(patience=60)
    answers = [
        still.observe(count, {0: count, 1: 3}, {0: 1000, 1: 4}, 50) for count in range(1, 20)
    ]
    assert answers.index(True) * 50 == pytest.approx(600, abs=60)


async def test_a_consumer_that_hangs_is_rebuilt_and_goes_on(backing: Backing) -> None:
    listener = Listener(hold=asyncio.Event())
    # A rebuild itself takes a while, on a busy machine more than a second.
    async with watched(backing, listener, patience=4) as here:
        await here.facts.publish(joined(new_id()))
        await eventually(
            lambda: here.registry.get_sample_value("samband_consumer_rebuilds_total") == 1
        )
        # What hung is gone with the old consumer.
        listener.hold = None
        await here.facts.applied(here.pool)
        assert await effects(here.pool) == [1]
        assert not here.watchdog.done()


class Hanging(Listener):
    """Never comes to an end with one key."""

    def __init__(self, key: UUID) -> None:
        super().__init__()
        self.key = str(key)

    async def note(self, conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        if any(event.subject == self.key for event in events):
            await asyncio.Event().wait()
        await super().note(conn, events)


async def test_what_is_applied_before_it_hangs_again_is_no_progress(backing: Backing) -> None:
    last = new_id()
    # One batch that is applied each time, and one that never is, read in one go.
    before = list(islice(neighbours(last, MEMBERSHIPS), BATCH))
    waiting = [joined(key) for key in (*before, last)]
    # Long enough to read it all again before it is lost.
    async with watched(backing, Hanging(last), patience=3, waiting=waiting) as here:
        await eventually(here.watchdog.done, 40)
        with pytest.raises(StandsStill, match=MEMBERSHIPS.name):
            await here.watchdog
        assert await effects(here.pool) == [1] * BATCH


async def test_a_consumer_that_hangs_again_ends_the_process(backing: Backing) -> None:
    listener = Listener(hold=asyncio.Event())
    async with watched(backing, listener, patience=0.5) as here:
        await here.facts.publish(joined(new_id()))
        await eventually(here.watchdog.done, 20)
        with pytest.raises(StandsStill, match=MEMBERSHIPS.name):
            await here.watchdog
        assert await effects(here.pool) == []
