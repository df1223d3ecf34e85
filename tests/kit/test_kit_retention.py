"""What is forgotten, and what never is."""

from datetime import timedelta
from uuid import UUID

import pytest
from samband_contracts.contacts import ContactErased
from samband_contracts.topics import CONTACT_STATE, NETWORKS
from samband_kit import blocked, database, outbox, retention
from samband_kit.ids import new_id
from samband_kit.relay import store
from samband_kit.testing import Backing

from tests.kit.effects import described
from tests.kit.outboxes import opened, writer


async def test_published_state_goes_after_thirty_days_and_events_stay_for_ever(
    backing: Backing,
) -> None:
    async with writer(backing, topics=()) as service:
        for age in ("29 days", "31 days", "31 days"):
            async with database.transaction(service.pool) as conn:
                await outbox.append(conn, [opened(), ContactErased(contact_id=new_id())])
            await service.pool.execute(
                "update outbox set published_at = now() - $1::text::interval"
                " where published_at is null",
                age,
            )
        async with database.transaction(service.pool) as conn:
            await outbox.append(conn, [ContactErased(contact_id=new_id())])
        await service.pool.execute("update outbox set appended_at = now() - interval '90 days'")

        assert await retention.sweep(service.pool) == 2
        left = await service.pool.fetch("select topic, count(*) as n from outbox group by topic")
        assert {row["topic"]: row["n"] for row in left} == {NETWORKS.name: 3, CONTACT_STATE.name: 2}


async def test_what_was_set_aside_goes_too_when_something_newer_has_replaced_it(
    backing: Backing,
) -> None:
    async with writer(backing, topics=()) as service:
        for _ in range(2):
            async with database.transaction(service.pool) as conn:
                await outbox.append(
                    conn, [ContactErased(contact_id=UUID(int=number)) for number in (1, 2)]
                )
        await service.pool.execute(
            "update outbox set quarantined_at = now() - position * interval '20 days'"
            " where sequence = 1"
        )
        assert await retention.sweep(service.pool) == 1


async def test_what_was_set_aside_replaces_nothing(backing: Backing) -> None:
    erased, described_last = new_id(), new_id()
    async with writer(backing, topics=()) as service:
        async with database.transaction(service.pool) as conn:
            await outbox.append(conn, [described(erased), described(described_last)])
            await outbox.append(conn, [described(erased), described(described_last)])
            await outbox.append(conn, [ContactErased(contact_id=erased)])
            await outbox.append(conn, [described(described_last)])
        await service.pool.execute(
            "update outbox set published_at = case when sequence < 3 then long_ago end,"
            " quarantined_at = case when sequence = 3 then long_ago end"
            " from (select now() - interval '31 days' as long_ago) as past"
        )
        # Twice: what the first leaves is no less needed by the second.
        assert [await retention.sweep(service.pool) for _ in range(2)] == [2, 0]
        left = await service.pool.fetch("select key, sequence from outbox order by key, sequence")
        assert [tuple(row) for row in left] == sorted(
            (str(key), sequence) for key in (erased, described_last) for sequence in (2, 3)
        )


@pytest.mark.parametrize(
    ("statement", "arguments", "index"),
    [
        (retention.FORGET, ([CONTACT_STATE.name], timedelta(days=30), 2000), "outbox_forgettable"),
        (blocked.QUARANTINE, (NETWORKS.name, "key 7"), "outbox_waiting"),
        (store.MARK, ([7],), "outbox_waiting"),
    ],
    ids=["sweep", "quarantine", "mark"],
)
async def test_a_table_that_is_kept_for_ever_is_never_read_as_a_whole(
    backing: Backing, statement: str, arguments: tuple[object, ...], index: str
) -> None:
    async with writer(backing, topics=()) as service:
        await service.pool.execute(
            """
            insert into outbox (topic, key, sequence, event_id, event_type, headers, published_at)
            select case when n % 1000 = 0 then $1 else $2 end, 'key ' || n, 1, gen_random_uuid(),
                   'x', '{}', case when n > 20 then now() - interval '40 days' end
            from generate_series(1, 20000) n
            """,
            CONTACT_STATE.name,
            NETWORKS.name,
        )
        await service.pool.execute("analyze outbox")
        lines = await service.pool.fetch(f"explain {statement}", *arguments)
        plan = "\n".join(line[0] for line in lines)
        assert index in plan, plan
        assert "Seq Scan on outbox" not in plan, plan


async def test_expired_nonces_limits_and_old_keys_go(backing: Backing) -> None:
    async with writer(backing, topics=()) as service:
        await service.pool.execute(
            """
            insert into spent_nonces (nonce, expires_at)
            values ('old', now() - interval '1 minute'), ('new', now() + interval '1 minute');
            insert into rate_limits (bucket, spent, expires_at)
            values ('old', 1, now() - interval '1 minute'), ('new', 1, now() + interval '1 minute');
            insert into idempotency_keys (key, fingerprint, created_at)
            values ('old', '', now() - interval '31 days'), ('new', '', now());
            """
        )
        await retention.sweep(service.pool)
        for table, column in (
            ("spent_nonces", "nonce"),
            ("rate_limits", "bucket"),
            ("idempotency_keys", "key"),
        ):
            assert await service.pool.fetchval(f"select array_agg({column}) from {table}") == [
                "new"
            ]
