"""Reader: aiokafka's consumer, made so that one unreadable record loses no other.

aiokafka moves the positions of all partitions that a call has emptied, and
drops their records when it then meets a record that it cannot decode (a header
name that is not UTF-8, a wrong checksum) on the next partition. The next
commit would pass them. Here every call empties one partition only, and what it
has emptied is always handed over.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError, KafkaConnectionError

from samband_kit.kafka.access import unreachable
from samband_kit.kafka.ending import unbroken
from samband_kit.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord, TopicPartition

    from samband_kit.kafka import Access

    Found = dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]

log = get_logger(__name__)

_WAIT_SECONDS = 0.5
"""How long an idle consumer waits in one go. Not as short as FastStream asks for: it sleeps
as long again after every call that found nothing, and hears nothing meanwhile."""
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
            await unbroken(super().start())  # type: ignore[no-untyped-call]  # aiokafka's
        except KafkaConnectionError as error:
            raise await unreachable(self._access, error) from error

    @property
    def has_died(self) -> bool:
        """Whether one of aiokafka's own tasks has ended: nothing starts it again."""
        # There is no public way to any of these.
        tasks = (
            getattr(self._coordinator, "_coordination_task", None),
            getattr(self._fetcher, "_fetch_task", None),
            self._client._sync_task,  # noqa: SLF001 - see above
        )
        return any(task is not None and task.done() for task in tasks)

    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,
        max_records: int | None = None,
    ) -> Found:
        """Records by partition, `max_records` at most; no partition's failure reaches another.

        With a `timeout_ms` it waits until something has arrived on any of
        them, but not for ever.
        """
        mine = sorted(partitions or self.assignment())  # type: ignore[no-untyped-call]  # aiokafka's
        if not mine:
            # Nothing can be emptied by this call, so nothing can be dropped.
            return await super().getmany(timeout_ms=0, max_records=max_records)
        # Each time another one comes first, or a full one would starve the rest.
        self._turn = (self._turn + 1) % len(mine)
        mine = mine[self._turn :] + mine[: self._turn]
        if self._fetcher is None:
            raise ConsumerStoppedError
        # Before looking, so that nothing arrives between looking and waiting.
        arrival = self._fetcher._create_fetch_waiter()  # noqa: SLF001 - waits for all partitions at once
        try:
            found = await self._sweep(mine, max_records)
            if not found and timeout_ms:
                await asyncio.wait({arrival}, timeout=_WAIT_SECONDS)
                found = await self._sweep(mine, max_records)
        finally:
            if not arrival.cancel() and not arrival.cancelled():
                # The next call of aiokafka's own raises it too.
                arrival.exception()
        return found

    async def _sweep(self, places: Sequence[TopicPartition], limit: int | None) -> Found:
        """What has arrived, partition by partition, `limit` records at most."""
        found: Found = {}
        left = limit
        for place in places:
            records = await self._read(place, left)
            if records:
                found[place] = records
                if left is not None:
                    left -= len(records)
                    if left <= 0:
                        break
        return found

    async def _read(
        self, place: TopicPartition, limit: int | None
    ) -> list[ConsumerRecord[bytes, bytes]]:
        again = self._careful.get(place)
        if again is not None and time.monotonic() < again:
            return []
        records: list[ConsumerRecord[bytes, bytes]] = []
        try:
            if again is None:
                return await self._take(place, limit)
            # One by one: what stands before the unreadable record is good.
            while (limit is None or len(records) < limit) and (one := await self._take(place, 1)):
                records += one
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
        self, place: TopicPartition, limit: int | None
    ) -> list[ConsumerRecord[bytes, bytes]]:
        found = await super().getmany(place, timeout_ms=0, max_records=limit)
        return found.get(place, [])
