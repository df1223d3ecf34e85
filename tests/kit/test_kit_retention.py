"""What is forgotten, and what never is."""

from samband_contracts.contacts import ContactErased
from samband_contracts.topics import CONTACT_STATE, NETWORKS
from samband_kit import database, outbox, retention
from samband_kit.ids import new_id
from samband_kit.testing import Backing

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
