"""Browser: one connection that keeps its cookies, as lean as can be."""

from __future__ import annotations

import asyncio
import html
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from samband_local.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_COOKIE = re.compile(rb"\r\nset-cookie: ([^=]+)=([^;\r]*)", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: ([^\r]+)", re.IGNORECASE)


@dataclass
class Answer:
    """What the server said."""

    status: int
    head: bytes
    body: bytes

    def hidden(self) -> dict[str, str]:
        """The fields that a form on the page sends without being asked."""
        found = _HIDDEN.findall(self.body.decode())
        return {name: html.unescape(value) for name, value in found}

    def location(self) -> str:
        """Where it redirects to."""
        found = _LOCATION.search(self.head)
        assert found is not None, self.head
        return found[1].decode()

    def expect(self, status: int) -> Answer:
        """This answer, if it is of that status."""
        assert self.status == status, f"{self.status}: {self.body.decode()}"
        return self


class Browser:
    """Opens pages and posts forms; `network` says where its owner is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.cookies: dict[bytes, bytes] = {}
        self.network = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, port: int) -> AsyncIterator[Browser]:
        """A browser with nothing in it, closed at the end."""
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    async def get(self, path: str) -> Answer:
        """Open a page."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n", b"")

    async def post(self, path: str, fields: Mapping[str, str]) -> Answer:
        """Send a form."""
        body = urlencode(fields).encode()
        return await self._ask(
            f"POST {path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Sec-Fetch-Site: same-origin\r\nContent-Length: {len(body)}\r\n",
            body,
        )

    async def _ask(self, head: str, body: bytes) -> Answer:
        # Everybody comes through the gateway, which says from where.
        origin = f"10.{self.network >> 8 & 255}.{self.network & 255}.7"
        head += f"Host: samband\r\nX-Forwarded-For: {origin}\r\nAccept-Language: sv\r\n"
        cookies = b"; ".join(b"%s=%s" % cookie for cookie in self.cookies.items())
        line = b"Cookie: %s\r\n" % cookies if cookies else b""
        self._writer.write(head.encode() + line + b"\r\n" + body)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answered)
        content = await self._reader.readexactly(int(length[1])) if length else b""
        self.cookies.update(_COOKIE.findall(answered))
        return Answer(int(answered[9:12]), answered, content)
