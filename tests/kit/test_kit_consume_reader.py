"""The reader that all consumers use: what is on any partition is heard at once."""

from __future__ import annotations

import asyncio
import gc
import warnings

from samband_contracts.topics import MEMBERSHIPS
from samband_kit import topics
from samband_kit.consumer.reader import Reader
from samband_kit.testing import Backing, create_topics, publish_raw, service_settings

MINUTE_MS = 60_000


async def test_a_record_on_any_partition_ends_the_waiting(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        await create_topics(settings, [MEMBERSHIPS])
        name = topics.physical(settings.kafka_prefix, MEMBERSHIPS)
        reader = Reader(
            name,
            access=settings.kafka,
            group_id=f"{settings.kafka_prefix}reader",
            auto_offset_reset="earliest",
        )

        async def heard() -> list[int]:
            while not (found := await reader.getmany(timeout_ms=MINUTE_MS, max_records=10)):
                pass
            return [place.partition for place in found]

        await reader.start()
        try:
            async with asyncio.timeout(MINUTE_MS / 1000 / 2):
                for partition in range(MEMBERSHIPS.partitions):
                    hearing = asyncio.create_task(heard())
                    await publish_raw(
                        settings, MEMBERSHIPS, key=b"k", value=b"v", partition=partition
                    )
                    assert await hearing == [partition]
        finally:
            await reader.stop()  # type: ignore[no-untyped-call]  # aiokafka has no types


async def test_a_start_that_is_broken_off_leaves_no_connection_open(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        with warnings.catch_warnings(record=True) as complaints:
            warnings.simplefilter("always", ResourceWarning)
            # Wherever it is by then: connecting, asking, or done.
            for turns in range(0, 30, 2):
                reader = Reader(access=settings.kafka, group_id=f"{settings.kafka_prefix}reader")
                starting = asyncio.create_task(reader.start())
                for _ in range(turns):
                    await asyncio.sleep(0.0005)
                starting.cancel()
                await asyncio.wait({starting})
                await reader.stop()  # type: ignore[no-untyped-call]  # aiokafka has no types
                del reader, starting
            gc.collect()
        assert [one.message for one in complaints if one.category is ResourceWarning] == []
