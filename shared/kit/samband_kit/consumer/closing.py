"""Closing: consumers end in time, also when Kafka does not answer.

aiokafka's own `stop` waits for Kafka without limit. What was applied is
committed in Postgres, so a consumer that is cut off loses nothing; but its
tasks have to end with it, or it stays in its group and keeps partitions from
the consumer that comes after it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from samband_kit.kafka.ending import hang_up, in_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import AIOKafkaConsumer

_CUT_SECONDS = 1.0


async def stop_subscribers(subscribers: Sequence[Any], *, seconds: float) -> None:
    """Let running batches commit and leave the groups; after `seconds` cut off what is left."""
    stopping = [asyncio.ensure_future(subscriber.stop()) for subscriber in subscribers]
    consumers = [subscriber.consumer for subscriber in subscribers]
    await asyncio.wait(stopping, timeout=seconds)
    for task, consumer in zip(stopping, consumers, strict=True):
        in_time = task.done() and not task.cancelled() and task.exception() is None
        if not in_time:
            task.cancel()
            await asyncio.wait({task}, timeout=_CUT_SECONDS)
            if consumer is not None:
                await cut(consumer)


async def cut(consumer: AIOKafkaConsumer) -> None:
    """End a consumer's tasks and connections without asking Kafka."""
    # There is no public way to any of these.
    consumer._closed = True  # noqa: SLF001 - see above
    coordinator, fetcher = consumer._coordinator, consumer._fetcher  # noqa: SLF001 - see above
    names = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task")
    tasks = [task for name in names if (task := getattr(coordinator, name, None)) is not None]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CUT_SECONDS)
    if fetcher is not None:
        await in_time(fetcher.close())
    await hang_up(consumer._client)  # noqa: SLF001 - see above
