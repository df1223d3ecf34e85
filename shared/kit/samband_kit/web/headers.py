"""Headers: what every answer tells the browser.

Nothing may be loaded but our own files, nothing runs inline, nobody frames us,
no address leaks (addresses hold personal links), and pages rest in no cache.
Cookies that a handler asked for with `give_cookie` leave here too, on whatever
answer the request ends with.
"""

from http.cookies import SimpleCookie
from typing import Literal

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from samband_kit.web.context import Visit, visit_in, visit_of, web_of

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; script-src 'self'; connect-src 'self'; worker-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000; includeSubDomains"


class SecurityHeaders:
    """Middleware: puts the headers and the visit's cookies on every answer."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        self.https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                add_headers(MutableHeaders(scope=message), visit_in(scope), https=self.https)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def add_headers(headers: MutableHeaders, visit: Visit, *, https: bool) -> None:
    """Complete an answer's headers; what is already there stays, but for the security ones."""
    headers.update(SECURITY)
    if https:
        headers["Strict-Transport-Security"] = HSTS
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Request-ID"] = str(visit.correlation_id)
    for cookie in visit.cookies:
        headers.append("Set-Cookie", cookie)


def cookie_name(request: Request, name: str) -> str:
    """`__Host-` keeps other hosts of the domain from setting it; browsers demand https for it."""
    return f"__Host-{name}" if web_of(request).https else name


def read_cookie(request: Request, name: str) -> str | None:
    """The cookie that `give_cookie` set."""
    return request.cookies.get(cookie_name(request, name))


def give_cookie(
    request: Request,
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    same_site: Literal["Lax", "Strict"] = "Lax",
) -> None:
    """Set a cookie with the answer; without `max_age` it ends with the browser, with 0 at once."""
    cookie: SimpleCookie = SimpleCookie()
    full_name = cookie_name(request, name)
    cookie[full_name] = value
    morsel = cookie[full_name]
    morsel["path"] = "/"
    morsel["httponly"] = True
    morsel["samesite"] = same_site
    if web_of(request).https:
        morsel["secure"] = True
    if max_age is not None:
        morsel["max-age"] = max_age
    visit_of(request).cookies.append(morsel.OutputString())
