"""Erasure in the kit's tables: nothing said about a person stays, and the tombstone gets through."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from samband_contracts.contacts import ContactErased
from samband_contracts.topics import CONTACT_STATE, NETWORKS
from samband_kit import blocked, database, erasure, outbox
from samband_kit.consumer import inspection
from samband_kit.consumer.batch import apply_batch
from samband_kit.consumer.retries import heal
from samband_kit.ids import new_id
from samband_kit.testing import read_topic

from tests.kit.effects import TABLE, Listener, arrived, described, parked_as, raw, said
from tests.kit.outboxes import Writer, relay, writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_kit.database import Pool
    from samband_kit.testing import Backing

CANARY = "Kanarie Fågel"


async def describe(pool: Pool, keys: Sequence[UUID]) -> None:
    async with database.transaction(pool) as conn:
        await outbox.append(conn, [described(key, CANARY) for key in keys])


async def erase(pool: Pool, keys: Sequence[UUID]) -> None:
    async with database.transaction(pool) as conn:
        await erasure.forget(conn, CONTACT_STATE, [str(key) for key in keys])
        await outbox.append(conn, [ContactErased(contact_id=key) for key in keys])


async def in_outbox(pool: Pool) -> list[tuple[int, bool]]:
    """Sequence of each row, and whether it has a value."""
    rows = await pool.fetch("select sequence, value is not null as v from outbox order by position")
    return [(row["sequence"], row["v"]) for row in rows]


async def holds(pool: Pool, text: str) -> bool:
    """Whether any parked row holds the text in its bytes."""
    found: bool = await pool.fetchval(
        "select exists (select from parked where position($1::bytea in raw_value) > 0)",
        text.encode(),
    )
    return found


async def test_rows_about_an_erased_person_go_whether_they_were_sent_or_not(
    backing: Backing,
) -> None:
    async with writer(backing, topics=()) as service:
        sent, unsent, other = new_id(), new_id(), new_id()
        await describe(service.pool, [sent])
        await service.pool.execute("update outbox set published_at = now()")
        await describe(service.pool, [unsent, other])
        await erase(service.pool, [unsent, sent])
        rows = await service.pool.fetch("select key, sequence, value from outbox")
        assert {(row["key"], row["sequence"], row["value"] is None) for row in rows} == {
            (str(sent), 2, True),
            (str(unsent), 2, True),
            (str(other), 1, False),
        }


async def test_an_erasure_that_is_rolled_back_forgets_nothing(backing: Backing) -> None:
    async with writer(backing, topics=()) as service:
        key = new_id()
        await describe(service.pool, [key])
        async with service.pool.acquire() as conn:
            change = conn.transaction()
            await change.start()
            await erasure.forget(conn, CONTACT_STATE, [str(key)])
            await change.rollback()
        assert await in_outbox(service.pool) == [(1, True)]


async def test_events_are_kept_for_ever_and_never_forgotten(backing: Backing) -> None:
    async with writer(backing, topics=()) as service, service.pool.acquire() as conn:
        with pytest.raises(ValueError, match="keeps every event"):
            await erasure.forget(conn, NETWORKS, ["anything"])


async def test_a_key_that_was_blocked_by_what_is_forgotten_is_free_again(backing: Backing) -> None:
    async with writer(backing, topics=(CONTACT_STATE,)) as service:
        key = new_id()
        await describe(service.pool, [key])
        await service.pool.execute(
            "update outbox_counters set blocked_at = now(), blocked_reason = 'too large'"
        )
        await erase(service.pool, [key])
        async with service.pool.acquire() as conn:
            assert await blocked.blocked_keys(conn) == []
        async with relay(service):
            await service.drained()
        assert [record.value for record in await read_topic(service.settings, CONTACT_STATE)] == [
            None
        ]


async def test_the_tombstone_is_last_whatever_the_relay_had_in_hand(backing: Backing) -> None:
    chance = random.Random(7)
    async with writer(backing, topics=(CONTACT_STATE,)) as service, relay(service) as running:
        await asyncio.gather(*(come_and_go(service, chance) for _ in range(40)))
        await service.drained()
        assert await in_outbox(service.pool) == [(2, False)] * (40 * 25)
        last: dict[bytes | None, bytes | None] = {}
        for record in await read_topic(service.settings, CONTACT_STATE):
            last[record.key] = record.value
        assert list(last.values()) == [None] * (40 * 25)
        assert running.value("producer_rebuilds_total") == 0
        assert running.value("relay_active") == 1


async def come_and_go(service: Writer, chance: random.Random) -> None:
    """Describe some persons and erase them again while the relay may be sending them."""
    keys = [new_id() for _ in range(25)]
    await asyncio.sleep(chance.random())
    await describe(service.pool, keys)
    await asyncio.sleep(chance.random() / 10)
    await erase(service.pool, chance.sample(keys, len(keys)))


async def test_when_the_tombstone_arrives_no_bytes_of_the_person_stay_parked(
    backing: Backing,
) -> None:
    async with writer(backing, topics=()) as service:
        pool = service.pool
        await pool.execute(TABLE)
        key, other, listener = new_id(), new_id(), Listener()
        nameless = [
            raw(CONTACT_STATE, key=str(one).encode(), value=CANARY.encode(), offset=offset)
            for offset, one in enumerate((key, other))
        ]
        listener.broken = {str(key)}
        await apply_batch(pool, listener.contacts, nameless)
        await apply_batch(pool, listener.contacts, [arrived(said(described(key, CANARY), 1))])
        listener.broken = set()
        gone = said(ContactErased(contact_id=key), 2)
        settled = await apply_batch(pool, listener.contacts, [arrived(gone)])
        assert (len(settled.applied), settled.erased) == (1, 2)
        rows = await pool.fetch("select key, raw_value from parked where skipped_at is null")
        assert [row["key"] for row in rows] == [str(other)]
        # Reading the log again brings nothing back.
        again = await apply_batch(pool, listener.contacts, nameless)
        assert (again.duplicates, again.parked) == (2, [])
        async with pool.acquire() as conn:
            left = await pool.fetchval("select parked_id from parked where skipped_at is null")
            await inspection.skip(conn, left, operator="kim", reason="rubbish")
        assert not await holds(pool, CANARY)


async def test_a_record_that_comes_in_the_same_batch_as_the_tombstone_is_scrubbed_too(
    backing: Backing,
) -> None:
    async with writer(backing, topics=()) as service:
        await service.pool.execute(TABLE)
        key = new_id()
        nameless = raw(CONTACT_STATE, key=str(key).encode(), value=CANARY.encode())
        gone = arrived(said(ContactErased(contact_id=key), 2))
        await apply_batch(service.pool, Listener().contacts, [nameless, gone])
        assert await parked_as(service.pool) == []
        assert not await holds(service.pool, CANARY)


async def test_a_tombstone_that_had_to_wait_scrubs_when_it_is_applied(backing: Backing) -> None:
    async with writer(backing, topics=()) as service:
        await service.pool.execute(TABLE)
        key = new_id()
        listener = Listener(broken={str(key)})
        nameless = raw(CONTACT_STATE, key=str(key).encode(), value=CANARY.encode())
        gone = arrived(said(ContactErased(contact_id=key), 2))
        await apply_batch(service.pool, listener.contacts, [nameless, gone])
        assert await holds(service.pool, CANARY)
        listener.broken = set()
        async with database.transaction(service.pool) as conn:
            healed = await heal(conn, listener.contacts, str(key))
        assert (healed.applied, healed.replaced) == (1, 1)
        assert await parked_as(service.pool) == []
        assert not await holds(service.pool, CANARY)
