"""Ending: aiokafka's clients end in time, whatever has become of their tasks.

A client does its work in tasks of its own. When one of them dies (with uvloop
a write to a connection that was reset a moment ago raises what aiokafka does
not expect, its issue 1038), nothing starts it again, and closing the client
raises what the task has died of and leaves the connections open.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

_SECONDS = 1.0


async def unbroken(starting: Coroutine[Any, Any, None]) -> None:
    """Start a client; when cancelled, let it come to an end by itself for a second.

    Broken off, it would leave the connection open that it is just asking.
    """
    task = asyncio.ensure_future(starting)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


async def hang_up(client: Any) -> None:
    """Close a client's connections without asking Kafka. Never raises, never hangs."""
    # There is no public way to this.
    refreshing: asyncio.Task[None] | None = client._sync_task  # noqa: SLF001 - see above
    if refreshing is not None and refreshing.done():
        client._sync_task = None  # noqa: SLF001 - see above
        await asyncio.gather(refreshing, return_exceptions=True)
    await in_time(client.close())


async def in_time(closing: Coroutine[Any, Any, None]) -> None:
    """Wait a second for the end of something that may have failed already."""
    await asyncio.gather(asyncio.wait_for(closing, _SECONDS), return_exceptions=True)
