"""State held against the outbox: the newest of a key comes back, and nothing overtakes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from samband_contracts.contacts import ContactErased
from samband_contracts.kafka import to_headers, to_value
from samband_contracts.topics import CONTACT_STATE
from samband_kit import pulse, reconcile, retention
from samband_kit.ids import new_id
from samband_kit.testing import (
    eventually,
    publish_raw,
    read_events,
    read_topic,
)

from tests.kit.effects import described, said
from tests.kit.outboxes import Writer, by_key, relay, writer
from tests.kit.reconciling import append, ask, lose, publish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing


@pytest.fixture
async def service(backing: Backing) -> AsyncIterator[Writer]:
    async with writer(backing, topics=(CONTACT_STATE,)) as made:
        yield made


async def test_of_state_the_newest_comes_back_and_what_was_replaced_does_not(
    service: Writer,
) -> None:
    kept, erased = new_id(), new_id()
    for name in ("Kim", "Kim Lind"):
        await append(service, described(kept, name), described(erased))
    await append(service, ContactErased(contact_id=erased))
    await publish(service)
    await pulse.beat(service.settings, [CONTACT_STATE])
    assert "5 in the log, nothing is missing" in (await ask(service, topic=CONTACT_STATE)).stdout
    await lose(service, CONTACT_STATE)

    answer = await ask(service, topic=CONTACT_STATE)

    assert "2 were missing, 2 are sent again" in answer.stdout
    await publish(service)
    back = await read_events(service.settings, CONTACT_STATE)
    assert by_key(back) == {str(kept): [2], str(erased): [3]}


async def test_state_that_lies_under_something_older_comes_back(service: Writer) -> None:
    # Compaction keeps the last record of a key, whatever its number.
    key = new_id()
    await append(service, described(key, "old"))
    await append(service, described(key, "new"))
    await publish(service)
    [old, _] = await read_topic(service.settings, CONTACT_STATE)
    await publish_raw(
        service.settings, CONTACT_STATE, key=old.key, value=old.value, headers=old.headers
    )

    answer = await ask(service, topic=CONTACT_STATE)

    assert "1 were missing, 1 are sent again" in answer.stdout
    await publish(service)
    assert [event.sequence for event in await read_events(service.settings, CONTACT_STATE)] == [
        1,
        2,
        1,
        2,
    ]


async def test_newer_state_is_never_overtaken_by_what_comes_back(service: Writer) -> None:
    key = new_id()
    await append(service, described(key, "old"))
    await publish(service)
    await lose(service, CONTACT_STATE)
    async with reconcile.reconciling(service.settings) as conn:
        found = await reconcile.compare(conn, service.settings, CONTACT_STATE)
        await append(service, described(key, "new"))
        await publish(service)
        again = await reconcile.send_again(conn, CONTACT_STATE, operator="kim", reason="why")
    assert (found.missing, again) == (1, 0)
    assert await service.waiting() == 0


async def test_strange_state_is_told_too_and_forgotten_state_is_none(service: Writer) -> None:
    forgotten, forked, ahead = new_id(), new_id(), new_id()
    for _ in range(2):
        await append(service, described(forgotten), described(forked))
    await publish(service)
    await service.pool.execute("delete from outbox where key = $1 and sequence = 1", str(forgotten))
    for key, sequence in ((forked, 2), (ahead, 7)):
        event = said(described(key), sequence)
        await publish_raw(
            service.settings,
            CONTACT_STATE,
            key=event.subject.encode(),
            value=to_value(event.data),
            headers=to_headers(event),
        )

    answer = await ask(service, "--dry-run", topic=CONTACT_STATE)

    assert answer.exit_code == 1
    assert "2 in the log were never in this outbox" in answer.stdout
    assert f"key {ahead} sequence 7" in answer.stdout
    assert str(forgotten) not in answer.stdout


async def test_the_newest_state_is_kept_so_that_it_can_come_back(service: Writer) -> None:
    kept, erased = new_id(), new_id()
    for _ in range(2):
        await append(service, described(kept), described(erased))
    await append(service, ContactErased(contact_id=erased))
    await publish(service)
    await service.pool.execute("update outbox set published_at = now() - interval '31 days'")

    assert await retention.sweep(service.pool) == 4

    [left_over] = await service.pool.fetch("select key, sequence from outbox")
    assert tuple(left_over) == (str(kept), 2)


async def test_what_was_set_aside_keeps_nothing_older_from_coming_back(service: Writer) -> None:
    key = new_id()
    for name in ("Kim", "Kim Lind"):
        await append(service, described(key, name))
    await publish(service)
    await append(service, described(key, "x" * 20))
    await service.pool.execute(
        "update outbox set quarantined_at = now() where published_at is null"
    )
    await lose(service, CONTACT_STATE)

    answer = await ask(service, topic=CONTACT_STATE)

    assert "1 were missing, 1 are sent again" in answer.stdout
    async with relay(service):

        async def came_back() -> bool:
            back = await read_events(service.settings, CONTACT_STATE)
            return by_key(back) == {str(key): [2]}

        await eventually(came_back, 30)
