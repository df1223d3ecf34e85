"""A small service that tests start as a process of its own."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

from fastapi import FastAPI, Request
from samband_kit.operating import operator_cli
from samband_kit.service import Component, Job, Runtime, Service
from samband_kit.settings import Settings

from tests.kit.effects import Listener

LISTENER = Listener(broken=set(filter(None, os.environ.get("BROKEN_KEYS", "").split(","))))


def web(runtime: Runtime) -> FastAPI:
    app = FastAPI()

    @app.get("/slow")
    async def slow(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    @app.get("/client")
    async def client(request: Request) -> str:
        return request.client.host if request.client else ""

    return app


class Sender:
    """Sends nothing; ends by itself when told to."""

    name = "sender"

    async def run(self, stop: asyncio.Event) -> None:
        if os.environ.get("SENDER") == "fails":
            raise LookupError("the sender lost its way")
        if os.environ.get("SENDER") == "ignores":
            await asyncio.sleep(60)
        await stop.wait()


def sender(_runtime: Runtime) -> Component:
    return Sender()


async def note(runtime: Runtime) -> None:
    await runtime.pool.execute(
        "insert into effects (key, sequence, event_type, content) values ('job', 1, 'job', '')"
    )


async def fail(_runtime: Runtime) -> None:
    raise LookupError("nothing to do")


SERVICE = Service(
    name="listening",
    package="samband_kit",
    settings=Settings,
    reactions=(LISTENER.memberships, LISTENER.contacts),
    web=web,
    jobs=(
        Job("note", timedelta(milliseconds=200), note),
        Job("fail", timedelta(milliseconds=200), fail),
    ),
    senders=sender,
)

if __name__ == "__main__":
    operator_cli(SERVICE)()
