"""Edge: what happens around every request before anything of the service runs.

How many may come at once, the body's limit, the reader's language; correlation and the access log are
in `access`, headers in `headers`.
"""

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
    """Refuses a body over 64 KiB with 413: by its announced length, or while it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        too_large = announced.isdecimal() and int(announced[:12]) > LARGEST_BODY
        read = 0

        async def receive_limited() -> Message:
            nonlocal read
            # Raised where the body is read: the refusal then takes the way of all others.
            if too_large:
                raise HTTPException(413)
            message = await receive()
            read += len(message.get("body", b""))
            if read > LARGEST_BODY:
                raise HTTPException(413)
            return message

        await self.app(scope, receive_limited, send)


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
