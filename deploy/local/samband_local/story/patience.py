"""Waiting for what travels by events: look again until it is there, or give up."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Seen = TypeVar("Seen")
_POLL_SECONDS = 0.2


async def until(
    look: Callable[[], Awaitable[Seen]], enough: Callable[[Seen], bool], *, seconds: float
) -> Seen:
    """What `look` saw when it was `enough`, or at last when `seconds` had passed."""
    deadline = time.monotonic() + seconds
    while True:
        seen = await look()
        if enough(seen) or time.monotonic() > deadline:
            return seen
        await asyncio.sleep(_POLL_SECONDS)
