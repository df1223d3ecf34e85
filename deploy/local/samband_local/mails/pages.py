"""What people see of the mailbox: its pages; programs read `api`.

A mail's HTML is shown in a frame without scripts, forms or anything from the
network; its links open in a new tab. Only this machine's own names are
answered, so that no web page elsewhere can read the mails.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.middleware.trustedhost import TrustedHostMiddleware

from samband_local.mails import api
from samband_local.mails.origins import only_from_here
from samband_local.mails.store import (
    Mailbox,
    NoSuchMail,
    Part,
    attachments,
    body,
    headers_of,
    parts_of,
)

PAGE = 100
_OWN_NAMES = ["127.0.0.1", "localhost", "[::1]", "::1"]
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
)

To = Annotated[str, Query(max_length=320, description="A recipient's address.")]
Subject = Annotated[str, Query(max_length=200, description="A part of the subject.")]
Before = Annotated[str, Query(max_length=36, description="Go on after the mail with this id.")]


def mailbox_app(mailbox: Mailbox) -> FastAPI:
    """The web side of one mailbox."""
    app = FastAPI(
        title="Samband mailbox",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Its own spans and logs would hold addresses and subjects that were looked for.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_OWN_NAMES)
    templates = Environment(
        loader=PackageLoader("samband_local.mails"), autoescape=True, undefined=StrictUndefined
    )
    style = files("samband_local.mails").joinpath("static/mailbox.css").read_text()

    def page(name: str, **context: object) -> HTMLResponse:
        return HTMLResponse(
            templates.get_template(name).render(**context),
            headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"},
        )

    @app.exception_handler(NoSuchMail)
    async def missing(request: Request, _error: NoSuchMail) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": NoSuchMail.__doc__}, status_code=404)
        response = page("missing.html")
        response.status_code = 404
        return response

    @app.get("/mailbox.css")
    async def css() -> Response:
        return Response(style, media_type="text/css")

    @app.get("/")
    async def show_list(to: To = "", subject: Subject = "", before: Before = "") -> Response:
        mails = mailbox.find(to=to, subject=subject, before=before, limit=PAGE + 1)
        older = mails[PAGE - 1].id if len(mails) > PAGE else None
        return page(
            "list.html", mails=mails[:PAGE], total=len(mailbox), to=to, subject=subject, older=older
        )

    @app.get("/mails/{mail_id}")
    async def show_mail(mail_id: str) -> Response:
        raw = mailbox.raw(mail_id)
        parts = parts_of(raw)
        return page(
            "mail.html",
            mail=mailbox.get(mail_id),
            headers=headers_of(raw),
            html=body(parts, "text/html") is not None,
            text=body(parts, "text/plain"),
            attachments=attachments(parts),
        )

    @app.get("/mails/{mail_id}/html")
    async def show_html(mail_id: str) -> Response:
        parts = parts_of(mailbox.raw(mail_id))
        html = body(parts, "text/html")
        if html is None:
            raise NoSuchMail(mail_id)
        for part in parts:
            if part.content_id:
                html = html.replace(f"cid:{part.content_id}", f"parts/{part.number}")
        return HTMLResponse(_in_new_tabs(html), headers={"Content-Security-Policy": _FRAME_POLICY})

    @app.get("/mails/{mail_id}/raw")
    async def show_raw(mail_id: str) -> Response:
        return PlainTextResponse(mailbox.raw(mail_id), headers=_never_sniffed())

    @app.get("/mails/{mail_id}/parts/{number}")
    async def download(mail_id: str, number: int) -> Response:
        for part in parts_of(mailbox.raw(mail_id)):
            if part.number == number:
                return _download(part)
        raise NoSuchMail(mail_id)

    @app.post("/clear")
    async def clear_by_button(request: Request) -> Response:
        only_from_here(request)
        mailbox.clear()
        return RedirectResponse("/", status_code=303)

    app.include_router(api.router(mailbox))
    return app


def _in_new_tabs(html: str) -> str:
    # Inside the head: in front of the doctype it would change how the mail looks.
    base = '<base target="_blank">'
    changed, count = re.subn(r"(?i)<head[^>]*>", lambda head: head[0] + base, html, count=1)
    return changed if count else base + html


def _download(part: Part) -> Response:
    shown_inside = part.content_type.startswith("image/") and not part.is_attachment
    way = "inline" if shown_inside else "attachment"
    headers = {"Content-Disposition": f"{way}; filename*=UTF-8''{quote(part.name, safe='')}"}
    return Response(part.content, media_type=part.content_type, headers=headers | _never_sniffed())


def _never_sniffed() -> dict[str, str]:
    return {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
