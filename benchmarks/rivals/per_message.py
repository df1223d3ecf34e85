"""A consumer that handles message by message, as FastStream's own examples do.

At least once, and each effect once: the position is taken in the transaction
of the effects, and the offset is committed after it. It keeps order and skips
what it has seen. It has no parking, no gaps, no forks and no retries, and a
record that it cannot parse stops it. The effects are the product's own handler.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage
from samband_contracts.kafka import parse
from samband_contracts.topics import ORGANISATION_STATE
from samband_kit import database, topics
from samband_notifications.organisations.handlers import on_organisation_described

from benchmarks.rivals.running import run

if TYPE_CHECKING:
    from samband_contracts.event import CloudEvent
    from samband_kit.settings import Settings

GROUP = "per-message"

_TAKE = """
insert into positions as position (topic, key, last_sequence, last_event_id)
values ($1, $2, $3, $4)
on conflict (topic, key) do update
  set last_sequence = excluded.last_sequence, last_event_id = excluded.last_event_id
  where position.last_sequence < excluded.last_sequence
returning true
"""


async def _consume(settings: Settings, stop: asyncio.Event) -> None:
    topic = ORGANISATION_STATE
    pool = await database.open_pool(settings)
    broker = KafkaBroker(settings.kafka_servers, logger=None, graceful_timeout=5.0)

    @broker.subscriber(
        topics.physical(settings.kafka_prefix, topic),
        group_id=settings.kafka_prefix + GROUP,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def handle(message: KafkaMessage) -> None:
        record: Any = message.raw_message
        event: CloudEvent[Any] = parse(topic, record.key, record.headers, record.value)
        async with pool.acquire() as conn, conn.transaction():
            if await conn.fetchval(_TAKE, topic.name, event.subject, event.sequence, event.id):
                await on_organisation_described(conn, [event])

    try:
        async with broker:
            await broker.start()
            await stop.wait()
    finally:
        await pool.close()


if __name__ == "__main__":
    run(_consume)
