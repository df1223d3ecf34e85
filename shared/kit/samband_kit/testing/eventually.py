"""Eventually: wait for what happens by itself."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


# ruff: noqa: ASYNC109 - `timeout` is how long to go on trying, not to wait once
@overload
async def eventually(
    check: Callable[[], Awaitable[T]], timeout: float = ..., *, every: float = ...
) -> T: ...


@overload
async def eventually(check: Callable[[], T], timeout: float = ..., *, every: float = ...) -> T: ...


async def eventually(
    check: Callable[[], object],
    timeout: float = 10.0,
    *,
    every: float = 0.02,
) -> object:
    """Call `check` until it returns something true, and return that.

    A failing assertion in `check` counts as not yet; after `timeout` seconds
    it is raised as it is, so the test shows what was wrong at the end.
    """
    deadline = time.monotonic() + timeout
    while True:
        failure: AssertionError | None = None
        try:
            found = check()
            result = await found if inspect.isawaitable(found) else found
            if result:
                return result
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure or AssertionError(
                f"{getattr(check, '__name__', 'the check')} did not come true in {timeout} s"
            )
        await asyncio.sleep(every)
