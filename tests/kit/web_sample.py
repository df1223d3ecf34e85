"""A small service's web side on a real database, for the tests of the web room."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import httpx
from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, Field
from samband_contracts.values import Role
from samband_kit.accounts import Account, account
from samband_kit.database import Pool, open_pool
from samband_kit.errors import Conflict, FieldErrors, Invalid
from samband_kit.ids import new_id
from samband_kit.service import Runtime, Service
from samband_kit.settings import Settings
from samband_kit.testing import service_settings
from samband_kit.web.app import web_app
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import Ask, Form, idempotency_key, read_form
from samband_kit.web.limits import spend_attempt, visitor
from samband_kit.web.links import Links, spend_link
from samband_kit.web.pages import page
from samband_kit.web.sessions import Session, public, require, sign_in, sign_out
from samband_kit.web.style_page import MEETING
from samband_kit.web.text import Email, Line, PersonName, Prose
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing

router = APIRouter()
StaffOnly = Annotated[Session, Depends(require(Role.STAFF))]


class Answers(Form):
    """A form with one field of each kind."""

    email: Annotated[Email, Ask("Write your e-mail address.")]
    name: PersonName = "Nobody"
    title: Annotated[str, Line(20)] = "Untitled"
    message: Annotated[str, Prose(200)] = "Nothing"
    count: int = 1
    themes: tuple[str, ...] = ()


class Thing(BaseModel):
    """What the sample's API takes."""

    model_config = ConfigDict(extra="forbid")
    name: PersonName
    count: Annotated[int, Field(ge=0, le=1000)]


class CallClosed(Conflict):
    """The call {title} is closed."""


@router.get("/form", dependencies=[public])
async def show_form(request: Request) -> Response:
    return page(request, "style_page.html", meeting=MEETING)


@router.post("/form", dependencies=[public])
async def send_form(request: Request) -> Response:
    try:
        answers = await read_form(request, Answers)
    except Invalid as refused:
        return page(request, "style_page.html", refused=refused, meeting=MEETING)
    return JSONResponse(answers.model_dump())


@router.post("/form/human", dependencies=[public])
async def send_human_form(request: Request) -> Response:
    try:
        await read_form(request, Answers, human="sample")
    except Invalid as refused:
        return page(request, "style_page.html", refused=refused, meeting=MEETING)
    return PlainTextResponse("human")


@router.post("/form/unhandled", dependencies=[public])
async def send_unhandled(request: Request) -> Response:
    await read_form(request, Answers)
    return PlainTextResponse("read")


@router.post("/form/once", dependencies=[public])
async def send_once(request: Request) -> Response:
    return PlainTextResponse(await idempotency_key(request))


@router.get("/refused", dependencies=[public])
@router.get("/api/refused", dependencies=[public])
async def refuse() -> Response:
    raise CallClosed(title="<b>Rights</b>")


@router.get("/api/fields", dependencies=[public])
async def refuse_fields() -> Response:
    raise FieldErrors({"email": "Write your e-mail address."})


@router.get("/broken", dependencies=[public])
@router.get("/api/broken", dependencies=[public])
async def break_down() -> Response:
    raise RuntimeError("the secret of anna@falun.se")


@router.get("/unreachable", dependencies=[public])
async def database_is_away() -> Response:
    raise ConnectionRefusedError("10.0.0.7:5432")


@router.get("/find", dependencies=[public])
@router.get("/api/find", dependencies=[public])
async def find(request: Request, q: str = "") -> Response:
    return PlainTextResponse(await runtime_of(request).pool.fetchval("select $1::text", q))


@router.get("/things/{thing_id}", dependencies=[public])
async def show_thing(thing_id: UUID, size: int = 1) -> Response:
    return PlainTextResponse(f"{thing_id} {size}")


@router.post("/api/things", dependencies=[public])
async def make_thing(thing: Thing) -> Thing:
    return thing


@router.get("/limited", dependencies=[public])
async def limited(request: Request) -> Response:
    pool = runtime_of(request).pool
    await spend_attempt(pool, visitor(request, "sample"), limit=2, per=timedelta(minutes=1))
    return PlainTextResponse(request.client.host if request.client else "nobody")


@router.post("/enter/{account_id}", dependencies=[public])
async def enter(request: Request, account_id: UUID) -> Response:
    async with runtime_of(request).pool.acquire() as conn:
        known = await account(conn, account_id)
    assert known is not None
    sign_in(request, known)
    return PlainTextResponse("welcome")


@router.post("/leave", dependencies=[public])
async def leave(request: Request) -> Response:
    sign_out(request)
    return PlainTextResponse("goodbye")


@router.get("/staff")
async def staff(request: Request, session: StaffOnly) -> Response:
    return page(request, "style_page.html", meeting=MEETING)


@router.post("/api/staff")
async def staff_api(session: StaffOnly) -> dict[str, str]:
    return {"subject": str(session.subject)}


@router.get("/link/{token}", dependencies=[public])
async def open_link(request: Request, token: str) -> Response:
    link = Links(runtime_of(request).settings).verify("sample", token)
    async with runtime_of(request).pool.acquire() as conn:
        await spend_link(conn, link)
    return PlainTextResponse(str(link.id))


@dataclass
class Sample:
    """The app and a client that keeps cookies like a browser."""

    app: FastAPI
    client: httpx.AsyncClient
    pool: Pool
    settings: Settings
    registry: CollectorRegistry

    def stranger(self, address: str = "192.0.2.1", **headers: str) -> httpx.AsyncClient:
        """Another browser, without cookies."""
        transport = httpx.ASGITransport(
            self.app, raise_app_exceptions=False, client=(address, 1234)
        )
        return httpx.AsyncClient(
            transport=transport, base_url=self.settings.public_url, headers=headers
        )

    async def token(self, client: httpx.AsyncClient | None = None, path: str = "/form") -> str:
        """The CSRF token of a page as this browser gets it."""
        return hidden(await (client or self.client).get(path), "csrf_token")

    async def post(self, path: str, data: dict[str, Any], **headers: str) -> httpx.Response:
        """Send a form with its token."""
        token = await self.token()
        return await self.client.post(path, data={"csrf_token": token, **data}, headers=headers)

    async def new_account(self, *roles: Role) -> Account:
        """An account as registration would have announced it."""
        made = Account(new_id(), frozenset(roles), epoch=1, active=True)
        await self.pool.execute(
            "insert into accounts (account_id, roles, epoch, active) values ($1, $2, 1, true)",
            made.account_id,
            sorted(roles),
        )
        return made

    async def enter(self, who: Account) -> None:
        """Sign this browser in."""
        answer = await self.post(f"/enter/{who.account_id}", {})
        assert answer.text == "welcome"


@asynccontextmanager
async def sample(backing: Backing, **settings: Any) -> AsyncIterator[Sample]:
    """The sample app with a fresh database; `settings` override."""
    given = {"public_url": "http://samband.test", **settings}
    async with service_settings(backing, "samband_kit", **given) as read:
        pool = await open_pool(read, max_size=3)
        registry = CollectorRegistry()
        service = Service("sample", "samband_kit", Settings, (), None)
        app = web_app(
            Runtime(service, read, pool, registry),
            routers=[router],
            templates=[],
            title="Samband",
            problems={LookupError: 404},
        )
        made = Sample(app, httpx.AsyncClient(), pool, read, registry)
        made.client = made.stranger()
        try:
            yield made
        finally:
            await made.client.aclose()
            await pool.close()


def hidden(answer: httpx.Response, name: str) -> str:
    """The value of a hidden field on a page."""
    found = re.search(f'name="{name}" value="([^"]*)"', answer.text)
    assert found is not None, f"no {name} on the page"
    return found[1]
