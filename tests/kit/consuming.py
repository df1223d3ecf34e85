"""A listening service at work, and how the records that it reads end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS
from samband_kit.ids import new_id
from samband_kit.kafka.partitioning import partition_of
from samband_kit.service import Service
from samband_kit.settings import Settings

from tests.kit.effects import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from samband_contracts.topics import Topic
    from samband_kit.testing import RunningService

    from tests.kit.effects import Listener

OUTCOMES = ("applied", "duplicate", "parked", "ignored")


async def make_table(settings: Settings) -> None:
    """Make the table that the listener writes to."""
    conn = await asyncpg.connect(settings.database_url.get_secret_value())
    await conn.execute(TABLE)
    await conn.close()


def neighbours(key: UUID, topic: Topic) -> Iterator[UUID]:
    """New keys, without end, that share a partition of the topic with this one."""
    place = partition_of(str(key), topic.partitions)
    while True:
        other = new_id()
        if partition_of(str(other), topic.partitions) == place:
            yield other


def listening(listener: Listener, *, name: str = "listener") -> Service:
    """A service of nothing but this listener."""
    return Service(
        name=name,
        package="samband_kit",
        settings=Settings,
        reactions=(listener.memberships, listener.contacts),
        web=None,
    )


def counted(service: RunningService) -> dict[str, int]:
    """How the records that the service has read ended."""
    return {
        outcome: int(
            sum(
                service.metric("samband_records_total", topic=topic.name, outcome=outcome)
                for topic in (MEMBERSHIPS, CONTACT_STATE)
            )
        )
        for outcome in OUTCOMES
    }
