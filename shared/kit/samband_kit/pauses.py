"""Pauses: waiting that ends early when something happens."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The work was given up because the process stops."""


async def pause(seconds: float | None, *events: asyncio.Event) -> None:
    """Wait until one of the events is set, `seconds` at most."""
    waiting = {asyncio.ensure_future(event.wait()) for event in events}
    try:
        if waiting:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        elif seconds is not None:
            await asyncio.sleep(seconds)
    finally:
        for task in waiting:
            task.cancel()


async def unless(stop: asyncio.Event, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when `stop` is set first.

    Raises:
        Stopped: `stop` was set first.
    """
    task = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        stopped.cancel()
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    raise Stopped
