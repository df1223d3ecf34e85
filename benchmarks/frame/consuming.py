"""Consuming: putting records into a topic, and how fast a group gets through them.

Progress is read off the offsets that the group commits, from outside, so a
service, a program of our own and whatever else reads in a group are measured
alike. The clock runs from the first commit seen to the last, which leaves out
how long a process takes to start and to join its group.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aiokafka.errors import GroupCoordinatorNotAvailableError
from samband_contracts.kafka import to_headers, to_value
from samband_kit import kafka, topics
from samband_kit.consumer.lag import LogEnds

from benchmarks.frame.stage import until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from samband_contracts.event import CloudEvent
    from samband_contracts.topics import Topic
    from samband_kit.settings import Settings

    from benchmarks.frame.processes import Program


async def publish(settings: Settings, topic: Topic, events: Iterable[CloudEvent[Any]]) -> None:
    """Put these events into the topic, as their owner's relay would."""
    name = topics.physical(settings.kafka_prefix, topic)
    async with kafka.Producer.running(settings.kafka) as producer:
        count = await producer.partitions(name)
        chains: dict[int, list[CloudEvent[Any]]] = defaultdict(list)
        for event in events:
            chains[kafka.partition_of(event.subject, count)].append(event)
        async with asyncio.TaskGroup() as group:
            for partition, chain in chains.items():
                group.create_task(_send(producer, name, partition, chain))


async def _send(
    producer: kafka.Producer, name: str, partition: int, events: list[CloudEvent[Any]]
) -> None:
    batch = producer.batch()
    for event in events:
        headers: kafka.Headers = [*to_headers(event)]
        record = (event.subject.encode(), to_value(event.data), headers)
        if not batch.append(*record):
            await producer.send(batch, name, partition)
            batch = producer.batch()
            batch.append(*record)
    await producer.send(batch, name, partition)


class Progress:
    """What a group has committed on a topic: `async with Progress(…) as progress`."""

    def __init__(self, settings: Settings, group: str, topic: Topic) -> None:
        self._ends = LogEnds(settings.kafka)
        self._group = group
        self._name = topics.physical(settings.kafka_prefix, topic)

    async def __aenter__(self) -> Progress:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.close()

    async def committed(self) -> int:
        """How many records of the topic the group has behind it."""
        try:
            offsets = await self._ends.committed(self._group, self._name)
        except GroupCoordinatorNotAvailableError:
            # The broker has never had a group and is still making room for the first.
            return 0
        return sum(offsets.values())

    async def rate(self, total: int, *programs: Program) -> float:
        """Records a second until `total` are behind the group, from its first commit from now on."""
        first = before = await self.committed()

        async def moving() -> bool:
            nonlocal first
            first = await self.committed()
            return first > before

        async def done() -> bool:
            return await self.committed() >= total

        began = await until(moving, *programs)
        ended = await until(done, *programs)
        return (total - first) / (ended - began)
