"""Ahead: a sweep of records in batches, each but the first made ready while another is applied.

Applying waits for Postgres most of the time, and reading bytes into events
waits for nothing: done by turns, the two share the time instead of adding up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from samband_kit.consumer.records import Arrived, arrive

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from samband_contracts.topics import Topic

    from samband_kit.consumer.records import RawRecord

BATCH = 500
"""Records in one transaction at most: more hold locks longer and gain little."""
_AT_A_TIME = 20
"""Records read before others have their turn: what Postgres has answered waits so long at most."""


async def in_batches(topic: Topic, records: Sequence[RawRecord]) -> AsyncGenerator[list[Arrived]]:
    """The records in their order, `BATCH` at most at a time."""
    slices = [records[first : first + BATCH] for first in range(0, len(records), BATCH)]
    reading = asyncio.create_task(_read(topic, slices[0]))
    try:
        for following in slices[1:]:
            batch = await reading
            reading = asyncio.create_task(_read(topic, following))
            yield batch
        yield await reading
    finally:
        reading.cancel()


async def _read(topic: Topic, records: Sequence[RawRecord]) -> list[Arrived]:
    read: list[Arrived] = []
    for first in range(0, len(records), _AT_A_TIME):
        read += [arrive(topic, record) for record in records[first : first + _AT_A_TIME]]
        await asyncio.sleep(0)
    return read
