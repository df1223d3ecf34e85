"""What a burst of work needed is given back when the process rests."""

import asyncio
import ctypes
import sys

import psutil
import pytest
from samband_kit.supervisor.memory import Memory
from samband_kit.testing import eventually

MB = 1024 * 1024


def held() -> float:
    """Megabytes of this process that are in memory."""
    return psutil.Process().memory_info().rss / MB


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="only glibc has to be told",
)
async def test_memory_goes_back_to_the_system_after_a_burst_of_work() -> None:
    stop = asyncio.Event()
    memory = asyncio.create_task(Memory(every=0.1).run(stop))
    await asyncio.sleep(0.05)
    burst = [number.to_bytes(1500) for number in range(60_000)]
    # A few stay, all over the place: without being told, the library keeps what is between them.
    few = burst[::100]
    burst.clear()
    much = held()
    try:
        await eventually(lambda: held() < much - 40, 20)
    finally:
        stop.set()
        await memory
    assert len(few) == 600
