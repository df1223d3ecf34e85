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
import html
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import uvloop
from samband_local.ports import LOOPBACK

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_COOKIE = re.compile(rb"\r\nset-cookie: (visit=[^;]+)", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: ([^\r]+)", re.IGNORECASE)
_MUNICIPALITIES = ("Lund", "Piteå", "Uppsala", "Gotland", "Malmö", "Örebro", "Kiruna", "Växjö")


@dataclass
class _Answer:
    status: int
    head: bytes
    body: bytes


class _Browser:
    """One connection and one cookie; `network` says where its owner is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._cookie = b""
        self.network = 0

    @classmethod
    async def open(cls, port: int) -> _Browser:
        """A browser with nothing in it."""
        return cls(*await asyncio.open_connection(LOOPBACK, port))

    async def get(self, path: str) -> _Answer:
        return await self._ask(f"GET {path} HTTP/1.1\r\n", b"")

    async def post(self, path: str, fields: dict[str, str]) -> _Answer:
        body = urlencode(fields).encode()
        return await self._ask(
            f"POST {path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Sec-Fetch-Site: same-origin\r\nContent-Length: {len(body)}\r\n",
            body,
        )

    async def _ask(self, head: str, body: bytes) -> _Answer:
        # Everybody comes through the gateway, which says from where.
        origin = f"10.{self.network >> 8 & 255}.{self.network & 255}.7"
        head += f"Host: samband\r\nX-Forwarded-For: {origin}\r\nAccept-Language: sv\r\n"
        cookie = b"Cookie: %s\r\n" % self._cookie if self._cookie else b""
        self._writer.write(head.encode() + cookie + b"\r\n" + body)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answered)
        content = await self._reader.readexactly(int(length[1])) if length else b""
        given = _COOKIE.search(answered)
        if given:
            self._cookie = given[1]
        return _Answer(int(answered[9:12]), answered, content)


@dataclass
class _Filled:
    """A form that is ready to be sent."""

    network: int
    fields: dict[str, str]


async def _fill_in(browser: _Browser, path: str, numbers: Sequence[int]) -> list[_Filled]:
    filled = []
    shown = await browser.get(path)
    token = dict(_HIDDEN.findall(shown.body.decode()))["csrf_token"]
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
        checked = await browser.post(f"{path}/granska", answers)
        fields = {
            name: html.unescape(value) for name, value in _HIDDEN.findall(checked.body.decode())
        }
        assert "form_token" in fields, checked.body.decode()
        filled.append(_Filled(number, {**fields, "website": ""}))
    return filled


async def _send(browser: _Browser, path: str, filled: list[_Filled]) -> None:
    for form in filled:
        browser.network = form.network
        sent = await browser.post(f"{path}/skicka", form.fields)
        assert sent.status == 303, sent.body.decode()
        where = _LOCATION.search(sent.head)
        assert where is not None, sent.head
        receipt = await browser.get(where[1].decode())
        assert receipt.status == 200, receipt.body.decode()


async def _visit(
    port: int, call_id: str, visitors: int, numbers: range, seconds: float
) -> dict[str, float]:
    path = f"/anmalan/{call_id}"
    browsers = [await _Browser.open(port) for _ in range(visitors)]
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
