"""Memory: what a burst of work needed is given back when it is over.

Python and the C library keep what was freed, for the next time. That may be a
week away, and memory is what a machine for several services runs out of first.
While there is work nothing is done here: collecting and giving back costs some
hundredths of a second.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
import time

from samband_kit.pauses import pause

_RESTING = 0.1
"""Share of a core below which a process rests. Asking Kafka for news on five topics takes 0.03,
and twice as much where others use the cores too."""


class Memory:
    """Gives memory back as soon as the process rests after work; looks `every` so many seconds."""

    name = "memory"

    def __init__(self, every: float = 2.0) -> None:
        self._every = every

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        has_worked = False
        while not stop.is_set():
            before = time.process_time()
            await pause(self._every, stop)
            if time.process_time() - before > _RESTING * self._every:
                has_worked = True
            elif has_worked:
                has_worked = False
                _give_back()


def _give_back() -> None:
    gc.collect()
    # Collected is not yet returned: glibc does that when it is told to, others by themselves.
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
