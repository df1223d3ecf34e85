"""Bodies that come slowly: whoever sends one takes nothing from anybody else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
from samband_kit.testing import eventually
from samband_kit.web.app import MOST_AT_ONCE
from samband_kit.web.edge import BodyLimit
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.kit.web_sample import sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing


class Dribbling:
    """Bodies of which the end is kept back until it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.end = asyncio.Event()

    async def body(
        self, content: bytes = b'{"name": "Kim Lind", "count": 1}'
    ) -> AsyncIterator[bytes]:
        self.begun += 1
        yield content[:1]
        await self.end.wait()
        yield content[1:]

    async def have_begun(self, number: int) -> None:
        await eventually(lambda: self.begun == number)


async def test_whoever_sends_slowly_shuts_nobody_out(backing: Backing) -> None:
    slow = Dribbling()
    async with sample(backing) as web, asyncio.TaskGroup() as group:
        sent = [
            group.create_task(
                web.client.post(
                    "/api/things",
                    content=slow.body(),
                    headers={"content-type": "application/json"},
                )
            )
            for _ in range(MOST_AT_ONCE)
        ]
        await slow.have_begun(MOST_AT_ONCE)
        assert (await web.client.get("/form")).status_code == 200
        assert (await web.post("/form", {"email": "kim@lund.example"})).status_code == 200
        slow.end.set()
        assert {(await one).status_code for one in sent} == {200}


def reading(*, most: int = 10, seconds: float = 60.0) -> httpx.AsyncClient:
    """A client of an app that does nothing but read, behind these limits."""

    async def read(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    app = Starlette(routes=[Route("/", read, methods=["GET", "POST"])])
    app.add_middleware(BodyLimit, most=most, seconds=seconds)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://samband.test")


async def test_a_body_that_never_ends_is_refused_and_its_connection_closed() -> None:
    async with reading(seconds=0.2) as client:
        answer = await client.post("/", content=Dribbling().body())
        assert answer.status_code == 408
        assert answer.headers["connection"] == "close"


async def test_too_many_bodies_are_refused_and_whoever_sends_none_is_not() -> None:
    slow = Dribbling()
    async with reading(most=1) as client, asyncio.TaskGroup() as group:
        first = group.create_task(client.post("/", content=slow.body(b"slow")))
        await slow.have_begun(1)
        assert (await client.post("/", content=b"quick")).status_code == 503
        assert (await client.get("/")).status_code == 200
        slow.end.set()
        assert (await first).text == "slow"
        assert (await client.post("/", content=b"quick")).text == "quick"
