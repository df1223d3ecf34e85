"""Pulse: records that mean nothing and make Kafka forget what was erased.

Kafka compacts only segments that it has stopped writing to, and it ends one
only when something is appended: on a quiet partition an erased name would lie
in the log until somebody says something more. So the owner of a topic with
`max_compaction_lag_hours` appends a pulse to every partition, hourly and after
each erasure. Consumers ignore it: it is of no known type and has no sequence.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from samband_contracts.kafka import CONTENT_TYPE, PULSE_KEY, PULSE_TYPE
from samband_contracts.topics import ALL, Topic

from samband_kit.ids import new_id
from samband_kit.kafka import Headers, KafkaError, KafkaUnreachable, Producer
from samband_kit.logs import get_logger
from samband_kit.service import Job, Runtime, Service
from samband_kit.topics import physical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_kit.settings import Settings

EVERY = timedelta(hours=1)
_SECONDS = 30.0

log = get_logger(__name__)


def topics_of(owner: str) -> tuple[Topic, ...]:
    """The topics of a service that need a pulse."""
    return tuple(
        topic
        for topic in ALL
        if topic.owner == owner and topic.max_compaction_lag_hours is not None
    )


def jobs(service: Service) -> tuple[Job, ...]:
    """The job that beats for a service, if it has anything to beat for."""

    async def run(runtime: Runtime) -> None:
        await beat(runtime.settings, topics)

    topics = topics_of(service.name)
    return (Job("pulse", EVERY, run),) if topics else ()


async def beat(settings: Settings, topics: Sequence[Topic]) -> None:
    """Append one pulse to every partition of the topics.

    Raises:
        KafkaUnreachable, KafkaError, TimeoutError: not every partition has one.
    """
    async with asyncio.timeout(_SECONDS), Producer.running(settings.kafka) as producer:
        for topic in topics:
            name = physical(settings.kafka_prefix, topic)
            for partition in range(await producer.partitions(name)):
                batch = producer.batch()
                batch.append(PULSE_KEY.encode(), b"{}", _headers(topic))
                await producer.send(batch, name, partition)


async def try_to_beat(settings: Settings, topics: Sequence[Topic]) -> bool:
    """Beat after an erasure; whether it could be done. If not, the hourly pulse makes up for it."""
    try:
        await beat(settings, topics)
    except (KafkaUnreachable, KafkaError, TimeoutError) as error:
        log.warning("no pulse after an erasure", error=repr(error))
        return False
    return True


def _headers(topic: Topic) -> Headers:
    attributes = {
        "specversion": "1.0",
        "id": str(new_id()),
        "source": topic.source,
        "type": PULSE_TYPE,
        "subject": PULSE_KEY,
        "time": datetime.now(UTC).isoformat(),
    }
    return [
        ("content-type", CONTENT_TYPE.encode()),
        *((f"ce_{name}", value.encode()) for name, value in attributes.items()),
    ]
