"""Lag: how much of Kafka's log is not applied yet, asked through a client of our own.

The consumers' own client is what may hang, so it is not the one to ask.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from samband_kit.consumer.closing import cut
from samband_kit.kafka.ending import unbroken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from samband_kit.kafka import Access

_SECONDS = 5.0


class LogEnds:
    """Asks Kafka for the ends of partitions and for what groups have committed."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None

    async def ends(self, places: set[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The offset after the last record of each partition.

        Raises:
            KafkaError, OSError: Kafka did not answer; a later call starts anew.
        """
        if not places:
            return {}
        async with asyncio.timeout(_SECONDS):
            if self._consumer is None:
                consumer = AIOKafkaConsumer(**self._access.options(), enable_auto_commit=False)
                self._consumer = consumer
                await unbroken(consumer.start())
            found: Mapping[TopicPartition, int] = await self._consumer.end_offsets(list(places))
        return found

    async def committed(self, group: str, topic: str) -> Mapping[TopicPartition, int]:
        """What the group has committed on each partition of the topic, 0 where nothing yet.

        Raises:
            KafkaError, OSError: Kafka did not answer; a later call starts anew.
        """
        async with asyncio.timeout(_SECONDS):
            if self._admin is None:
                admin = AIOKafkaAdminClient(**self._access.options())
                self._admin = admin
                await unbroken(admin.start())
            described = await self._admin.describe_topics([topic])
            offsets = await self._admin.list_consumer_group_offsets(group)
        places = [
            TopicPartition(topic, partition["partition"])
            for one in described
            for partition in one["partitions"]
        ]
        return {place: max(offsets[place].offset, 0) if place in offsets else 0 for place in places}

    async def close(self) -> None:
        """Disconnect; the next question connects again."""
        consumer, self._consumer = self._consumer, None
        admin, self._admin = self._admin, None
        if consumer is not None:
            await cut(consumer)
        if admin is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await admin.close()
