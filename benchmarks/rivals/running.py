"""Running: how a rival lives, as services do: on uvloop, until SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import signal
from typing import TYPE_CHECKING

import uvloop
from samband_kit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def run(work: Callable[[Settings, asyncio.Event], Awaitable[None]]) -> None:
    """Run `work` with the settings of the environment until SIGTERM sets the event."""

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        gc.collect()
        gc.freeze()
        await work(Settings.read(), stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_stopped())
