"""The post office's counter: its pages and API over HTTP, as a browser uses them."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry
from samband_contracts.values import Role
from samband_kit.accounts import Account, account, put_account
from samband_kit.ids import new_id
from samband_kit.service import Runtime
from samband_kit.web.context import runtime_of
from samband_kit.web.csrf import csrf_token
from samband_kit.web.sessions import public, sign_in
from samband_notifications.main import SERVICE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.notifications.post_office import PostOffice

_doors = APIRouter(prefix="/test", dependencies=[public])


@_doors.get("/sign-in/{account_id}")
async def _sign_in(request: Request, account_id: UUID) -> None:
    async with runtime_of(request).pool.acquire() as conn:
        who = await account(conn, account_id)
    assert who is not None
    sign_in(request, who)


@_doors.get("/csrf")
async def _csrf(request: Request) -> str:
    return csrf_token(request)


@dataclass
class Visitor:
    """Somebody with a browser."""

    client: httpx.AsyncClient
    account_id: UUID
    csrf: str

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def press(self, page: str, to: str, **fields: str) -> httpx.Response:
        """Open `page` and send its form that goes to `to`."""
        shown = await self.client.get(page)
        form = shown.text.partition(f'action="{page}{to}"')[2].partition("</form>")[0]
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
        return await self.client.post(f"{page}{to}", data={**hidden, **fields})

    async def call(self, path: str, body: object = None, key: str | None = None) -> httpx.Response:
        """Call a command of the JSON API."""
        headers = {"X-CSRF-Token": self.csrf, "Idempotency-Key": key or str(new_id())}
        return await self.client.post(path, json=body, headers=headers)


@asynccontextmanager
async def visiting(office: PostOffice, role: Role | None = Role.STAFF) -> AsyncIterator[Visitor]:
    """Somebody with this role, or nobody in particular."""
    assert SERVICE.web is not None
    runtime = Runtime(SERVICE, office.settings, office.pool, CollectorRegistry())
    app = SERVICE.web(runtime)
    app.include_router(_doors)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=office.settings.public_url
    ) as client:
        account_id, csrf = new_id(), ""
        if role is not None:
            async with office.pool.acquire() as conn, conn.transaction():
                await put_account(conn, Account(account_id, frozenset({role}), 1, active=True))
                # Announcing accounts is registration's; here only the projection counts.
                await conn.execute("delete from outbox where topic like '%account-state'")
            assert (await client.get(f"/test/sign-in/{account_id}")).status_code == 200
            csrf = (await client.get("/test/csrf")).json()
        yield Visitor(client, account_id, csrf)
