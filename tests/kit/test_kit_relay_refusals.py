"""What Kafka refuses: one key waits for an operator, all others go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from samband_contracts.meetings import MeetingCancelled
from samband_contracts.topics import MEETINGS, NETWORKS
from samband_kit import blocked, database, outbox, topics
from samband_kit.ids import new_id
from samband_kit.kafka import Administration, Batch, Producer
from samband_kit.testing import Backing, eventually

from tests.kit.outboxes import Writer, arrived, in_order_at_least_once, relay, say, writer

if TYPE_CHECKING:
    from uuid import UUID


async def small_topic(service: Writer) -> None:
    """The networks topic, which takes records of 2 000 bytes at most."""
    name = topics.physical(service.settings.kafka_prefix, NETWORKS)
    async with Administration(service.settings.kafka) as kafka:
        await kafka.create(
            name,
            partitions=1,
            replicas=1,
            configs={"max.message.bytes": "2000", "retention.ms": "-1"},
        )


async def enlarge(service: Writer, key: UUID, sequence: int, column: str, value: object) -> None:
    """Change a waiting row by SQL into one that Kafka will not take."""
    await service.pool.execute(
        f"update outbox set {column} = $3 where key = $1 and sequence = $2",
        str(key),
        sequence,
        value,
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("value", b"x" * 3_000),
        ("value", b"x" * 9_000_000),
        ("headers", '["not", "an", "object"]'),
        ("headers", '{"ce_id": null}'),
    ],
    ids=["too large for the topic", "too large for Kafka", "headers a list", "header null"],
)
async def test_a_refused_record_blocks_its_key_and_no_other(
    backing: Backing, column: str, value: object
) -> None:
    async with writer(backing, topics=()) as service:
        await small_topic(service)
        sick, healthy = new_id(), [new_id() for _ in range(3)]
        await say(service.pool, [sick, *healthy], rounds=4)
        await enlarge(service, sick, 3, column, value)
        async with relay(service) as running:
            await eventually(lambda: service.has_waiting(2))
            await say(service.pool, [sick, *healthy])
            await eventually(lambda: service.has_waiting(3))
            found = await arrived(service.settings)
            assert in_order_at_least_once(found[str(sick)], 2)
            assert all(in_order_at_least_once(found[str(key)], 5) for key in healthy)

            async with service.pool.acquire() as conn:
                status = await blocked.status(conn)
            assert status.waiting == 3
            [key] = status.blocked
            assert (key.topic, key.key, key.sequence, key.waiting) == (
                NETWORKS.name,
                str(sick),
                3,
                3,
            )
            assert key.reason
        async with relay(service) as running:
            await eventually(lambda: running.value("blocked_keys") == 1)
            assert running.value("backlog_rows") == 3
            assert running.value("oldest_age_seconds") == 0


async def test_a_partition_that_cannot_be_written_holds_up_no_other_topic(
    backing: Backing, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = asyncio.Event()
    send = Producer.send

    async def send_or_hang(self: Producer, batch: Batch, topic: str, partition: int) -> None:
        if topic.endswith(MEETINGS.name) and partition < 6:
            await answers.wait()
        await send(self, batch, topic, partition)

    monkeypatch.setattr(Producer, "send", send_or_hang)
    async with writer(backing, topics=(NETWORKS, MEETINGS)) as service:
        stuck, healthy = [new_id() for _ in range(20)], [new_id() for _ in range(5)]
        for _ in range(5):
            async with database.transaction(service.pool) as conn:
                await outbox.append(
                    conn, [MeetingCancelled(meeting_id=key, network_id=key) for key in stuck]
                )
        await say(service.pool, healthy, rounds=4)
        async with relay(service, send_seconds=0.5, batch_rows=30):

            async def healthy_are_published() -> bool:
                return not await service.pool.fetchval(
                    "select count(*) from outbox where topic = $1 and published_at is null",
                    NETWORKS.name,
                )

            await eventually(healthy_are_published, 20)
            assert await service.waiting() > 0
            answers.set()
            await service.drained(30)
        meetings = await arrived(service.settings, MEETINGS)
        assert set(meetings) == {str(key) for key in stuck}
        assert all(in_order_at_least_once(found, 5) for found in meetings.values())
        networks = await arrived(service.settings)
        assert all(in_order_at_least_once(networks[str(key)], 4) for key in healthy)


async def test_a_blocked_key_goes_on_when_an_operator_says_so_and_only_then(
    backing: Backing,
) -> None:
    async with writer(backing, topics=()) as service:
        await small_topic(service)
        sick = new_id()
        await say(service.pool, [sick], rounds=3)
        await enlarge(service, sick, 2, "value", b"x" * 3_000)
        async with relay(service):
            await eventually(lambda: is_blocked(service))
            await asyncio.sleep(0.5)
            assert await service.waiting() == 2

            # Tried again without a change, it is refused again.
            async with database.transaction(service.pool) as conn:
                await blocked.release(
                    conn, NETWORKS.name, str(sick), operator="Ada", reason="the limit was raised"
                )
            await eventually(lambda: is_blocked(service))
            assert await service.waiting() == 2

            async with database.transaction(service.pool) as conn:
                missing = await blocked.quarantine(
                    conn, NETWORKS.name, str(sick), operator="Ada", reason="it was a test"
                )
            assert missing == 2
            await eventually(lambda: service.has_waiting(1))
        assert list(dict.fromkeys((await arrived(service.settings))[str(sick)])) == [1, 3]
        notes = await service.pool.fetch(
            "select operator, command, subject, reason from operator_audit order by audit_id"
        )
        assert [tuple(note) for note in notes] == [
            ("Ada", "outbox release", f"{NETWORKS.name} {sick}", "the limit was raised"),
            ("Ada", "outbox quarantine", f"{NETWORKS.name} {sick} 2", "it was a test"),
        ]
        async with service.pool.acquire() as conn:
            with pytest.raises(blocked.NotBlocked, match="is not blocked"):
                await blocked.release(conn, NETWORKS.name, str(sick), operator="Ada", reason="x")
            with pytest.raises(blocked.NotBlocked):
                await blocked.quarantine(conn, NETWORKS.name, "nobody", operator="A", reason="x")


async def is_blocked(service: Writer) -> bool:
    async with service.pool.acquire() as conn:
        return bool(await blocked.blocked_keys(conn))
