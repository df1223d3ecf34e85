"""Readers: staff who open a page again and again. Answers how many pages a second.

python -m benchmarks.actors.readers PORT PATH READERS PAGES COOKIE
"""

from __future__ import annotations

import asyncio
import sys
import time

import uvloop

from benchmarks.actors.browser import Browser


async def _read(port: int, path: str, readers: int, pages: int, cookie: str) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(_leaf(port, path, pages // readers, cookie) for _ in range(readers)))
    return pages / (time.perf_counter() - began)


async def _leaf(port: int, path: str, pages: int, cookie: str) -> None:
    async with Browser.open(port) as browser:
        browser.cookies[b"session"] = cookie.encode()
        for _ in range(pages):
            answer = await browser.get(path)
            # 503 is how a service that has too much to do asks for patience.
            assert answer.status in (200, 503), answer.body.decode()


if __name__ == "__main__":
    port, path, readers, pages, cookie = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(_read(int(port), path, int(readers), int(pages), cookie)))
