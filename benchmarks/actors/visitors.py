"""Visitors: people who register an interest, as lean as can be.

Each is a browser with a connection and a cookie that fills in the public form
again and again. First every form is opened, filled in and checked; then, after
the time that a person needs at least, all are sent: only the way from the post
of a form to its receipt is timed. Answers the registrations a second, and the
share of a core that this program took meanwhile. Forms are numbered from FIRST.

    python -m benchmarks.actors.visitors PORT CALL_ID VISITORS FIRST FORMS SECONDS
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvloop

from benchmarks.actors.browser import Browser

if TYPE_CHECKING:
    from collections.abc import Sequence

_MUNICIPALITIES = ("Lund", "Piteå", "Uppsala", "Gotland", "Malmö", "Örebro", "Kiruna", "Växjö")


@dataclass
class _Filled:
    """A form that is ready to be sent."""

    network: int
    fields: dict[str, str]


async def _fill_in(browser: Browser, path: str, numbers: Sequence[int]) -> list[_Filled]:
    filled = []
    token = (await browser.get(path)).expect(200).hidden()["csrf_token"]
    for number in numbers:
        browser.network = number
        answers = {
            "csrf_token": token,
            "organisation": _MUNICIPALITIES[number % len(_MUNICIPALITIES)],
            "name": f"Kim Lind {number}",
            "email": f"kim.lind.{number}@kommun.example",
            "language": "sv",
            "counterpart": "undecided",
            "theme": "undecided",
            "message": "Vi vill gärna vara med och lära av andra.",
        }
        checked = (await browser.post(f"{path}/granska", answers)).expect(200)
        filled.append(_Filled(number, {**checked.hidden(), "website": ""}))
    return filled


async def _send(browser: Browser, path: str, filled: Sequence[_Filled]) -> None:
    for form in filled:
        browser.network = form.network
        sent = (await browser.post(f"{path}/skicka", form.fields)).expect(303)
        (await browser.get(sent.location())).expect(200)


async def _visit(
    port: int, call_id: str, visitors: int, numbers: range, seconds: float
) -> dict[str, float]:
    path = f"/anmalan/{call_id}"
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(Browser.open(port)) for _ in range(visitors)]
        filled = await asyncio.gather(
            *(
                _fill_in(browser, path, numbers[first::visitors])
                for first, browser in enumerate(browsers)
            )
        )
        await asyncio.sleep(seconds)
        began, worked = time.perf_counter(), time.process_time()
        await asyncio.gather(
            *(_send(browser, path, own) for browser, own in zip(browsers, filled, strict=True))
        )
        took, worked = time.perf_counter() - began, time.process_time() - worked
    return {"rate": len(numbers) / took, "share": worked / took}


if __name__ == "__main__":
    port, call_id, visitors, first, forms, seconds = sys.argv[1:]
    numbers = range(int(first), int(first) + int(forms))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        visit = _visit(int(port), call_id, int(visitors), numbers, float(seconds))
        print(json.dumps(runner.run(visit)))
