"""Consuming: how fast a group gets through a topic.

Progress is read off the offsets that the group commits, from outside, so a
service, a program of our own and whatever else reads in a group are measured
alike. The clock runs from the first commit seen to the last, which leaves out
how long a process takes to start and to join its group.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiokafka.errors import GroupCoordinatorNotAvailableError
from samband_kit import topics
from samband_kit.consumer.lag import LogEnds

from benchmarks.frame.stage import until

if TYPE_CHECKING:
    from samband_contracts.topics import Topic
    from samband_kit.settings import Settings

    from benchmarks.frame.processes import Program


_LOOK_SECONDS = 0.05
"""Between two looks: asking more often costs Kafka more than the records do."""


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

    async def rate(self, total: int, *programs: Program, since: int = 0) -> float:
        """Records a second until `total` are behind the group, which has begun with `since`."""
        begun, at_first = time.perf_counter(), since

        async def moving() -> bool:
            nonlocal begun, at_first
            asked, found = time.perf_counter(), await self.committed()
            if since < found < total:
                # Counted from the first commit on; a few records may be done before anybody looks.
                begun, at_first = time.perf_counter(), found
            elif found == since:
                begun = asked
            return found > since

        async def done() -> bool:
            return await self.committed() >= total

        await until(moving, *programs, every=_LOOK_SECONDS)
        ended = await until(done, *programs, every=_LOOK_SECONDS)
        return (total - at_first) / (ended - begun)
