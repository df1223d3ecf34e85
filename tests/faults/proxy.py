"""Proxy: the network between a program and what it depends on, with weather of its own.

    async with proxy("127.0.0.1", 5432) as network:
        network.weather = REPLIES_LOST

The weather changes for connections that exist and for those that come. A byte
that was lost is never made up for, as TCP would: a connection that has lost
some is silent from then on, and reset when the weather changes.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PIECE = 64 * 1024
# Pieces on their way in one direction; what sends more has to wait, as with a full window.
_ON_THEIR_WAY = 64
_FLUSH_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to bytes; the client sends requests, the server replies.

    `delay` seconds, give or take `jitter`, are added each way. `requests_left`
    and `replies_left` are bytes that still pass before the connection is
    reset. With `end_replies` the client reads the end of the stream while what
    it sends still arrives. All of it begins, for each connection by itself,
    when the client has said `once_said`; that itself still passes.
    """

    delay: float = 0.0
    jitter: float = 0.0
    lose_requests: bool = False
    lose_replies: bool = False
    end_replies: bool = False
    requests_left: int | None = None
    replies_left: int | None = None
    reset: bool = False
    once_said: bytes = b""


CLEAR = Weather()
BLACKHOLE = Weather(lose_requests=True, lose_replies=True)
REPLIES_LOST = Weather(lose_replies=True)
REQUESTS_LOST = Weather(lose_requests=True)
HALF_CLOSED = Weather(end_replies=True)
RESET = Weather(reset=True)


class Proxy:
    """A listener in front of one server; made by `proxy`."""

    def __init__(self, host: str, port: int) -> None:
        self.server = (host, port)
        self.port = 0
        self.struck = 0
        """Connections to which something was done, delays aside, since the last change."""
        self.links: set[_Link] = set()
        self.random = random.Random(0)
        """What jitter is drawn from; a seeded test seeds it."""
        self._weather = CLEAR

    @property
    def weather(self) -> Weather:
        return self._weather

    @weather.setter
    def weather(self, weather: Weather) -> None:
        self._weather, self.struck = weather, 0
        for link in list(self.links):
            link.meet(weather)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until it ends."""
        link = _Link(self, reader, writer)
        self.links.add(link)
        try:
            await link.carry()
        finally:
            link.cut()
            self.links.discard(link)
            link.over.set()


class _Link:
    """One connection through the proxy."""

    def __init__(
        self, through: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._through = through
        self._client = (reader, writer)
        self._writers = [writer]
        self._requests: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._replies: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._ended = asyncio.Event()
        self.over = asyncio.Event()
        self._damaged = False
        self.meet(through.weather)

    def meet(self, weather: Weather) -> None:
        """The weather has changed."""
        if self._damaged:
            self.cut()
            return
        self._weather, self._struck, self._said = weather, False, b""
        self._requests_left, self._replies_left = weather.requests_left, weather.replies_left
        self._acts = not weather.once_said
        self._begin()

    def cut(self) -> None:
        """Reset both sides."""
        for writer in self._writers:
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
            writer.transport.abort()
        self._ended.set()

    async def carry(self) -> None:
        """Until both sides have ended, or it is cut."""
        if self._acts and self._weather.lose_requests and self._weather.lose_replies:
            # Nothing of this connection reaches the server, not even that it is there.
            self._strike(damaged=True)
            await self._ended.wait()
        if self._ended.is_set():
            return
        try:
            server = await asyncio.open_connection(*self._through.server)
        except OSError:
            return
        self._writers.append(server[1])
        tasks = [
            asyncio.create_task(work)
            for work in (
                self._listen(self._client[0]),
                self._hear(server[0]),
                self._deliver(self._requests, server[1]),
                self._deliver(self._replies, self._client[1]),
            )
        ]
        carried = asyncio.gather(*tasks, return_exceptions=True)
        ended = asyncio.create_task(self._ended.wait())
        first: set[asyncio.Future[Any]] = {carried, ended}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            carried.cancel()
            await asyncio.gather(carried, ended, *tasks, return_exceptions=True)

    async def _listen(self, client: asyncio.StreamReader) -> None:
        """Take the client's requests."""
        async for piece in self._read(client, self._requests):
            acts, lost = self._acts, self._weather.lose_requests
            if not self._acts:
                # Over the edges of pieces too.
                said = self._said + piece
                self._said = said[-len(self._weather.once_said) :]
                self._acts = self._weather.once_said in said
            if acts and lost:
                self._strike(damaged=True)
                continue
            left = self._requests_left if acts else None
            self._pass(self._requests, piece, left)
            if left is not None:
                self._requests_left = left - len(piece)
                await self._cut_when_delivered(self._requests, self._requests_left)
            if self._acts and not acts:
                await self._requests.join()
                self._begin()

    async def _hear(self, server: asyncio.StreamReader) -> None:
        """Take the server's replies."""
        async for piece in self._read(server, self._replies):
            if self._acts and (self._weather.lose_replies or self._weather.end_replies):
                self._strike(damaged=True)
                continue
            left = self._replies_left if self._acts else None
            self._pass(self._replies, piece, left)
            if left is not None:
                self._replies_left = left - len(piece)
                await self._cut_when_delivered(self._replies, self._replies_left)

    async def _read(
        self, reader: asyncio.StreamReader, line: asyncio.Queue[tuple[float, bytes]]
    ) -> AsyncIterator[bytes]:
        """Pieces until the end, which is one without bytes."""
        piece = b"."
        while piece:
            try:
                piece = await reader.read(_PIECE)
            except OSError:
                self.cut()
                return
            yield piece
            if line.qsize() > _ON_THEIR_WAY:
                await line.join()

    def _begin(self) -> None:
        if self._acts and self._weather.reset:
            self._strike()
            self.cut()
        elif self._acts and self._weather.end_replies:
            self._strike(damaged=True)
            self._replies.put_nowait((0.0, b""))

    def _strike(self, *, damaged: bool = False) -> None:
        self._through.struck += not self._struck
        self._struck, self._damaged = True, self._damaged or damaged

    def _pass(
        self, line: asyncio.Queue[tuple[float, bytes]], piece: bytes, most: int | None
    ) -> None:
        longer = 0.0
        if self._acts:
            longer = (
                self._weather.delay + self._through.random.uniform(-1, 1) * self._weather.jitter
            )
        due = asyncio.get_running_loop().time() + longer
        line.put_nowait((due, piece if most is None else piece[:most]))

    async def _cut_when_delivered(
        self, line: asyncio.Queue[tuple[float, bytes]], left: int
    ) -> None:
        if left <= 0:
            self._strike()
            await line.join()
            await asyncio.sleep(_FLUSH_SECONDS)
            self.cut()

    async def _deliver(
        self, line: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        piece = b"."
        while piece:
            due, piece = await line.get()
            await asyncio.sleep(due - loop.time())
            try:
                if piece:
                    writer.write(piece)
                    await writer.drain()
                else:
                    writer.write_eof()
            except OSError:
                self.cut()
                return
            line.task_done()


@asynccontextmanager
async def proxy(host: str, port: int, *, listen: int = 0) -> AsyncIterator[Proxy]:
    """A proxy in front of `host:port`, on `listen` or on a free port."""
    through = Proxy(host, port)
    server = await asyncio.start_server(through.accept, "127.0.0.1", listen)
    through.port = server.sockets[0].getsockname()[1]
    try:
        yield through
    finally:
        server.close()
        links = list(through.links)
        for link in links:
            link.cut()
        await asyncio.gather(*(link.over.wait() for link in links))
