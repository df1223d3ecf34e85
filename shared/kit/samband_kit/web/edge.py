"""Edge: what happens around every request before anything of the service runs.

The body's limits, how many may come at once, the reader's language; correlation and the access log are
in `access`, headers in `headers`.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samband_kit.web.context import visit_in, visit_of
from samband_kit.web.headers import give_cookie, read_cookie
from samband_kit.web.i18n import LANGUAGES, Catalogues, chosen_language

LARGEST_BODY = 64 * 1024
A_YEAR = 365 * 24 * 60 * 60


class Crowd:
    """Counts the requests under way and marks those that come while there are too many.

    What is marked is refused before it asks the database for anything. Without
    that, a crowd would make everybody wait longer than anybody does.
    """

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self.app = app
        self.most = most
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self._inside += 1
        visit_in(scope).is_too_many = self._inside > self.most
        try:
            await self.app(scope, receive, send)
        finally:
            self._inside -= 1


class BodyLimit:
    """Has the whole body before anybody works for it: 64 KiB, within `seconds`, of `most` at once.

    Around `Crowd`: who sends slowly takes no place from those who are being served.
    Refuses with 413, 408 and 503; whoever sends no body is not asked to wait.
    """

    def __init__(self, app: ASGIApp, *, most: int, seconds: float) -> None:
        self.app = app
        self.most = most
        self.seconds = seconds
        self._coming = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        announced = headers.get("content-length", "0")
        # In HTTP/1.1 there is no body without one of these.
        if announced == "0" and "transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        refusal: HTTPException | None = None
        read: list[Message] = []
        try:
            read.append(await self._read(announced, receive))
        except HTTPException as error:
            refusal = error

        async def receive_read() -> Message:
            # Raised where the body is read: the refusal then takes the way of all others.
            if refusal is not None:
                raise refusal
            return read.pop() if read else await receive()

        await self.app(scope, receive_read, send)

    async def _read(self, announced: str, receive: Receive) -> Message:
        """The body as one message, or that the client has gone."""
        if announced.isdecimal() and int(announced[:12]) > LARGEST_BODY:
            raise HTTPException(413)
        if self._coming >= self.most:
            raise HTTPException(503)
        body = bytearray()
        self._coming += 1
        try:
            async with asyncio.timeout(self.seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        return message
                    body += message.get("body", b"")
                    if len(body) > LARGEST_BODY:
                        raise HTTPException(413)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        finally:
            self._coming -= 1
        return {"type": "http.request", "body": bytes(body), "more_body": False}


class HeadAsGet:
    """Answers HEAD as GET would be answered, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_bodiless(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # In place, because the access log reads the route from this very scope.
        scope["method"] = "GET"
        try:
            await self.app(scope, receive, send_bodiless)
        finally:
            scope["method"] = "HEAD"


class ReadersLanguage:
    """Speaks the reader's language for the request; `?lang=en` is remembered in a cookie."""

    def __init__(self, app: ASGIApp, *, catalogues: Catalogues) -> None:
        self.app = app
        self.catalogues = catalogues

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        asked = request.query_params.get("lang")
        accepted = request.headers.get("accept-language", "")
        visit = visit_in(scope)
        visit.language = chosen_language(asked, read_cookie(request, "lang"), accepted)
        if asked in LANGUAGES:
            give_cookie(request, "lang", visit_of(request).language, max_age=A_YEAR)
        with self.catalogues.speaking(visit.language):
            await self.app(scope, receive, send)
