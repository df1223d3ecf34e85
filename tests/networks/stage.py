"""A stage for tests of networks: its own database, facts from outside, people who act.

`stage` opens the service on a database of its own. Its `Person` works the
pages and the API over HTTP as a browser would, signed in or not.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CollectorRegistry
from samband_contracts.calls import CallOpened
from samband_contracts.registrations import (
    RegistrationAccepted,
    RegistrationMerged,
    RegistrationWithdrawn,
)
from samband_contracts.values import Localised, Organisation, OrganisationKind, Role
from samband_kit.accounts import Account, account, put_account
from samband_kit.database import Pool, open_pool, transaction
from samband_kit.ids import new_id
from samband_kit.service import Runtime
from samband_kit.settings import Settings
from samband_kit.testing import Backing, Facts, service_settings
from samband_kit.web.context import runtime_of
from samband_kit.web.csrf import csrf_token
from samband_kit.web.sessions import public, session_of, sign_in
from samband_networks.acceptances.handlers import (
    on_registration_accepted,
    on_registration_merged,
    on_registration_withdrawn,
)
from samband_networks.calls.handlers import on_call_opened
from samband_networks.main import SERVICE
from samband_networks.networks.domain import Actor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_contracts.event import Event
    from samband_kit.reactions import Handler

PAIRS = (
    ("Piteå kommun", "Chinsali", "ZM"),
    ("Jönköpings kommun", "Stellenbosch", "ZA"),
    ("Åmåls kommun", "Bergrivier", "ZA"),
    ("Ovanåkers kommun", "Overstrand", "ZA"),
    ("Falu kommun", "Mogale City", "ZA"),
    ("Bollnäs kommun", "Lobatse", "BW"),
    ("Kungsörs kommun", "Rufunsa", "ZM"),
    ("Lunds kommun", "Francistown", "BW"),
)
"""The pairs of the first human-rights network."""

HANDLERS: dict[type[Event], Handler] = {
    CallOpened: on_call_opened,
    RegistrationAccepted: on_registration_accepted,
    RegistrationMerged: on_registration_merged,
    RegistrationWithdrawn: on_registration_withdrawn,
}


def municipality(name: str, country: str = "SE") -> Organisation:
    """An organisation that nobody else in the tests is."""
    swedish = country == "SE"
    kind = OrganisationKind.MUNICIPALITY if swedish else OrganisationKind.FOREIGN_LOCAL_GOVERNMENT
    return Organisation(organisation_id=new_id(), name=name, kind=kind, country=country)


def accepted(
    call_id: UUID, own: Organisation, other: Organisation | None = None, contacts: int = 1
) -> RegistrationAccepted:
    """A registration that was accepted."""
    return RegistrationAccepted(
        registration_id=new_id(),
        call_id=call_id,
        organisation=own,
        contact_ids=tuple(new_id() for _ in range(contacts)),
        counterpart=other or "undecided",
        theme="undecided",
    )


def opened(call_id: UUID) -> CallOpened:
    """A call that registration has announced."""
    now = datetime.now(UTC)
    return CallOpened(
        call_id=call_id,
        title=Localised(sv="Mänskliga rättigheter 2026", en="Human rights 2026"),
        opens_at=now,
        closes_at=now + timedelta(days=60),
        zone="Europe/Stockholm",
    )


def sixteen(call_id: UUID) -> list[RegistrationAccepted]:
    """The acceptances of the first human-rights network: eight pairs."""
    return [
        accepted(call_id, municipality(own), municipality(other, country))
        for own, other, country in PAIRS
    ]


@dataclass
class Person:
    """Somebody with a browser: remembers cookies and finds the tokens in pages."""

    client: httpx.AsyncClient
    csrf: str = ""

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.get(path, **more)

    async def submit(
        self, page: str, fields: dict[str, str], *, to: str | None = None, key: str | None = None
    ) -> httpx.Response:
        """Open `page`, and send its form with these fields, as a browser would."""
        shown = await self.client.get(page)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', shown.text))
        if key is not None:
            hidden["idempotency_key"] = key
        return await self.client.post(to or page, data={**hidden, **fields})

    async def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> httpx.Response:
        """Call the JSON API with the headers that it demands."""
        headers = {"X-CSRF-Token": self.csrf, "Idempotency-Key": key or str(new_id())}
        return await self.client.request(method, path, json=body, headers=headers)


@dataclass
class Stage:
    """A running service without its Kafka side."""

    settings: Settings
    pool: Pool
    app: FastAPI
    facts: Facts

    async def hear(self, *events: Event) -> None:
        """Apply facts of other services as the consumer would: one set per type."""
        async with transaction(self.pool) as conn:
            for kind, handler in HANDLERS.items():
                of_kind = [event for event in events if isinstance(event, kind)]
                if of_kind:
                    await handler(conn, [self.facts.envelope(event) for event in of_kind])

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        """What this service has announced, but for who acts for whom: type and data, in order."""
        rows = await self.pool.fetch(
            "select event_type, convert_from(value, 'UTF8')::jsonb as data from outbox "
            "where topic not like '%representative-state' order by position"
        )
        return [(row["event_type"].removeprefix("se.icld."), row["data"]) for row in rows]

    async def acting(self) -> dict[UUID, set[UUID]]:
        """Who acts for each organisation, as this service has announced last."""
        rows = await self.pool.fetch(
            "select convert_from(value, 'UTF8')::jsonb as data from outbox "
            "where topic like '%representative-state' order by position"
        )
        return {
            UUID(row["data"]["organisation_id"]): set(map(UUID, row["data"]["contact_ids"]))
            for row in rows
        }

    async def hire(self, *roles: Role) -> Actor:
        """An account that registration has announced."""
        actor = Actor(new_id(), frozenset(roles))
        async with self.pool.acquire() as conn, conn.transaction():
            await put_account(conn, Account(actor.account_id, actor.roles, 1, active=True))
            # Announcing accounts is registration's; here only the projection counts.
            await conn.execute("delete from outbox where topic like '%account-state'")
        return actor

    @asynccontextmanager
    async def person(
        self, actor: Actor | None = None, *, language: str = "en"
    ) -> AsyncIterator[Person]:
        """Somebody with a browser, signed in as `actor` if there is one."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        base = self.settings.public_url
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            client.cookies.set("lang", language)
            person = Person(client)
            if actor is not None:
                signed_in = await client.get(f"/test/sign-in/{actor.account_id}")
                assert signed_in.status_code == 200
                person.csrf = (await client.get("/test/csrf")).json()
            yield person


@asynccontextmanager
async def stage(backing: Backing) -> AsyncIterator[Stage]:
    """The service on a database of its own."""
    async with service_settings(backing, SERVICE.package) as settings:
        pool = await open_pool(settings)
        try:
            assert SERVICE.web is not None
            app = SERVICE.web(Runtime(SERVICE, settings, pool, CollectorRegistry()))
            app.include_router(_doors)
            yield Stage(settings, pool, app, Facts(settings))
        finally:
            await pool.close()


_doors = APIRouter(prefix="/test", dependencies=[public])


@_doors.get("/sign-in/{account_id}")
async def _sign_in(request: Request, account_id: UUID) -> None:
    async with runtime_of(request).pool.acquire() as conn:
        who = await account(conn, account_id)
    assert who is not None
    sign_in(request, who)


@_doors.get("/csrf")
async def _csrf(request: Request) -> str:
    assert session_of(request) is not None
    return csrf_token(request)
