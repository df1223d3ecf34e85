"""Reader: aiokafka's consumer, made so that one unreadable record loses no other.

aiokafka moves the positions of all partitions that a call has emptied, and
drops their records when it then meets a record that it cannot decode (a header
name that is not UTF-8, a wrong checksum) on the next partition. The next
commit would pass them. Here every call empties one partition only, and what it
has emptied is always handed over.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError, KafkaConnectionError

from samband_kit.kafka.access import unreachable
from samband_kit.logs import get_logger

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord, TopicPartition

    from samband_kit.kafka import Access

    Found = dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]

log = get_logger(__name__)

_AGAIN_SECONDS = 5.0
"""Until a partition that could not be read is tried again; the others go on."""


class Reader(AIOKafkaConsumer):
    """A consumer that reads partition by partition.

    A partition with a record that cannot be decoded is read up to that record
    and stands still there, because nothing could be parked of it; the lag and
    the watchdog show it.
    """

    def __init__(self, *topics: str, access: Access, **options: Any) -> None:
        super().__init__(*topics, **(options | access.options()))  # type: ignore[no-untyped-call]  # aiokafka's
        self._access = access
        self._careful: dict[TopicPartition, float] = {}
        self._turn = 0

    async def start(self) -> None:
        """Connect, and join the group.

        Raises:
            KafkaUnreachable: no broker answered, or let us in.
        """
        try:
            await super().start()  # type: ignore[no-untyped-call]  # aiokafka's
        except KafkaConnectionError as error:
            raise await unreachable(self._access, error) from error

    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,
        max_records: int | None = None,
    ) -> Found:
        """Records by partition, `max_records` at most; no partition's failure reaches another."""
        mine = sorted(partitions or self.assignment())  # type: ignore[no-untyped-call]  # aiokafka's
        if not mine:
            # Nothing can be emptied by this call, so nothing can be dropped.
            return await super().getmany(timeout_ms=0, max_records=max_records)
        # Each time another one comes first, or a full one would starve the rest.
        self._turn = (self._turn + 1) % len(mine)
        mine = mine[self._turn :] + mine[: self._turn]
        found: Found = {}
        left = max_records
        for place in mine:
            records = await self._read(place, 0, left)
            if records:
                found[place] = records
                if left is not None:
                    left -= len(records)
                    if left <= 0:
                        break
        if not found and timeout_ms and (records := await self._read(mine[0], timeout_ms, left)):
            found[mine[0]] = records
        return found

    async def _read(
        self, place: TopicPartition, timeout_ms: int, limit: int | None
    ) -> list[ConsumerRecord[bytes, bytes]]:
        again = self._careful.get(place)
        if again is not None and time.monotonic() < again:
            return []
        records: list[ConsumerRecord[bytes, bytes]] = []
        try:
            if again is None:
                return await self._take(place, timeout_ms, limit)
            # One by one: what stands before the unreadable record is good.
            while (limit is None or len(records) < limit) and (
                one := await self._take(place, timeout_ms, 1)
            ):
                records += one
                timeout_ms = 0
        except ConsumerStoppedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the bytes, other partitions go on
            # The first failure may have had good records before it: they are next.
            first = again is None
            self._careful[place] = time.monotonic() + (0.0 if first else _AGAIN_SECONDS)
            log.warning(
                "a partition cannot be read on",
                topic=place.topic,
                partition=place.partition,
                error=type(error).__name__,
            )
        else:
            if records:
                del self._careful[place]
        return records

    async def _take(
        self, place: TopicPartition, timeout_ms: int, limit: int | None
    ) -> list[ConsumerRecord[bytes, bytes]]:
        found = await super().getmany(place, timeout_ms=timeout_ms, max_records=limit)
        return found.get(place, [])
