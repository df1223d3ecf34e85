"""Kafka's log held against the outbox: what is missing comes back, what is strange is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS, NETWORKS
from samband_kit import reconcile
from samband_kit.ids import new_id
from samband_kit.service import Kind
from samband_kit.testing import (
    eventually,
    publish_raw,
    running,
)

from tests.kit.consuming import counted, listening, make_table
from tests.kit.effects import Listener, effects, joined, left, parked_as
from tests.kit.outboxes import Writer, arrived, relay, say, writer
from tests.kit.reconciling import append, ask, lose, publish, remove

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing


@pytest.fixture
async def service(backing: Backing) -> AsyncIterator[Writer]:
    async with writer(backing, topics=(NETWORKS,)) as made:
        yield made


async def audited(of: Writer) -> list[tuple[str, ...]]:
    rows = await of.pool.fetch("select operator, command, subject, reason from operator_audit")
    return [tuple(row) for row in rows]


async def test_a_log_that_holds_everything_is_left_alone(service: Writer) -> None:
    await say(service.pool, [new_id() for _ in range(5)], rounds=3)
    await publish(service)
    await say(service.pool, [new_id()])  # not sent yet: nobody misses it

    answer = await ask(service)

    assert answer.exit_code == 0, answer.output
    assert answer.stdout == f"{NETWORKS.name}: 15 in the log, nothing is missing.\n"
    assert await service.waiting() == 1
    assert await audited(service) == []


async def test_an_emptied_topic_is_filled_again_in_order_by_the_running_relay(
    service: Writer,
) -> None:
    keys = [new_id() for _ in range(4)]
    await say(service.pool, keys, rounds=3)
    await publish(service)
    await lose(service, NETWORKS)

    rehearsed = await ask(service, "--dry-run")
    assert "12 are missing and would be sent again" in rehearsed.stdout
    assert await service.waiting() == 0
    assert await audited(service) == []

    async with relay(service):
        answer = await ask(service, "--json")
        await service.drained(60)
    [told] = json.loads(answer.stdout)
    assert (told["missing"], told["sent_again"], told["strangers"]) == (12, 12, 0)
    assert await arrived(service.settings) == {str(key): [1, 2, 3] for key in keys}
    [(operator, command, subject, reason)] = await audited(service)
    assert (operator, command, reason) == ("kim", "reconcile", "a disk was lost")
    assert subject.startswith(f"{NETWORKS.name} 12 rows")
    assert "nothing is missing" in (await ask(service)).stdout


async def test_consumers_of_an_emptied_topic_repeat_nothing(backing: Backing) -> None:
    async with writer(backing, topics=()) as service:
        await make_table(service.settings)
        listener = Listener()
        async with running(listening(listener), service.settings, Kind.CONSUME) as consumer:
            keys = [new_id() for _ in range(5)]
            for make in (joined, left):
                await append(service, *(make(key) for key in keys))

            async def has_all() -> bool:
                return len(await effects(service.pool)) == 10

            await eventually(has_all, 60)
            await lose(service, MEMBERSHIPS)
            async with reconcile.reconciling(service.settings) as conn:
                await reconcile.compare(conn, service.settings, MEMBERSHIPS)
                await reconcile.send_again(conn, MEMBERSHIPS, operator="kim", reason="why")
            late = new_id()
            await append(service, joined(late))

            async def has_the_late_one() -> bool:
                return await effects(service.pool, late) == [1]

            await eventually(has_the_late_one, 120)
            assert len(await effects(service.pool)) == 11
            assert counted(consumer)["parked"] == 0


async def test_a_gap_is_healed_by_what_comes_back(backing: Backing) -> None:
    async with writer(backing, topics=()) as service:
        await make_table(service.settings)
        key = new_id()
        for make in (joined, left, joined):
            await append(service, make(key))
        # Marked, and never sent: a relay that only looks past the last row it has seen.
        await service.pool.execute("update outbox set published_at = now() where sequence = 2")
        async with running(listening(Listener()), service.settings, Kind.CONSUME):

            async def is_parked() -> bool:
                return await parked_as(service.pool) == [(3, "gap")]

            await eventually(is_parked, 60)
            async with reconcile.reconciling(service.settings) as conn:
                found = await reconcile.compare(conn, service.settings, MEMBERSHIPS)
                await reconcile.send_again(conn, MEMBERSHIPS, operator="kim", reason="why")
            assert found.missing == 1

            async def is_healed() -> bool:
                return await effects(service.pool, key) == [1, 2, 3]

            await eventually(is_healed, 120)
            assert await parked_as(service.pool) == []


async def test_what_the_outbox_never_had_is_told_and_ends_with_one(service: Writer) -> None:
    keys = [new_id() for _ in range(3)]
    await say(service.pool, keys)
    await publish(service)
    # Restored from a copy that is older than the last event, and gone on from there.
    await service.pool.execute("delete from outbox where key = $1", str(keys[0]))
    await service.pool.execute(
        "update outbox set event_id = gen_random_uuid() where key = $1", str(keys[1])
    )
    await publish_raw(service.settings, NETWORKS, key=b"\xff", value=b"{}")

    answer = await ask(service)

    assert answer.exit_code == 1
    assert "3 in the log were never in this outbox" in answer.stdout
    assert str(keys[0]) in answer.stdout
    assert str(keys[1]) in answer.stdout
    assert str(keys[2]) not in answer.stdout
    # The number is taken: sending our own would only make the fork longer.
    assert "nothing is missing" in answer.stdout
    [told] = json.loads((await ask(service, "--json")).stdout)
    assert told["strangers"] == 3
    assert {one["key"] for one in told["named"]} == {str(keys[0]), str(keys[1]), None}


async def test_people_see_the_first_of_many_strangers_and_programs_all(service: Writer) -> None:
    keys = [new_id() for _ in range(30)]
    await say(service.pool, keys)
    await publish(service)
    await service.pool.execute("delete from outbox")

    answer = await ask(service)

    assert answer.exit_code == 1
    assert answer.stdout.count("sequence 1 event") == 20
    assert answer.stdout.endswith("These are the first 20 of 30; --json names them all.\n")
    written = await ask(service, "--json")
    [told] = json.loads(written.stdout)
    assert written.exit_code == 1
    assert sorted(one["key"] for one in told["named"]) == sorted(map(str, keys))


async def test_what_was_set_aside_or_waits_is_not_missing(service: Writer) -> None:
    await say(service.pool, [new_id() for _ in range(3)])
    await publish(service)
    await lose(service, NETWORKS)
    await service.pool.execute(
        "update outbox set quarantined_at = now() where position = (select min(position) from outbox)"
    )
    await service.pool.execute(
        "update outbox set published_at = null where position = (select max(position) from outbox)"
    )
    assert "1 are missing" in (await ask(service, "--dry-run")).stdout


async def test_only_topics_of_the_service_that_exist_can_be_compared(service: Writer) -> None:
    foreign = await ask(service, "--topic", CONTACT_STATE.name)
    assert (foreign.exit_code, "is none of" in foreign.stderr) == (2, True)
    await remove(service, NETWORKS)
    gone = await ask(service)
    assert (gone.exit_code, "Run `topics` first" in gone.stderr) == (1, True)


async def test_two_do_not_reconcile_at_once(service: Writer) -> None:
    async with reconcile.reconciling(service.settings):
        answer = await ask(service)
    assert (answer.exit_code, "Somebody else" in answer.stderr) == (1, True)
    assert (await ask(service)).exit_code == 0


async def test_many_rows_are_compared_and_sent_again_in_parts(service: Writer) -> None:
    keys = [new_id() for _ in range(3000)]
    await say(service.pool, keys, rounds=4)
    await publish(service)
    await lose(service, NETWORKS)

    answer = await ask(service)

    assert "12000 were missing, 12000 are sent again" in answer.stdout
    assert len(await audited(service)) == 3
    await publish(service)
    found = await arrived(service.settings)
    assert found == {str(key): [1, 2, 3, 4] for key in keys}
