"""What the tests of registration have in common: a service with its own database, filled."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from samband_contracts.values import Localised, Organisation, OrganisationKind
from samband_kit.database import Connection, Pool, open_pool
from samband_kit.ids import new_id
from samband_kit.service import Runtime
from samband_kit.testing import Backing, service_settings
from samband_registration.accounts.handlers import staff_account
from samband_registration.calls.domain import Call, OpenCall
from samband_registration.calls.handlers import open_call
from samband_registration.limits import Terms
from samband_registration.main import SERVICE, web
from samband_registration.organisations.domain import AddForeignOrganisation, official_id
from samband_registration.organisations.handlers import add_foreign_organisation, load_register
from samband_registration.registrations.handlers.sending import Interest, confirm, submit
from samband_registration.settings import RegistrationSettings

P = ParamSpec("P")
T = TypeVar("T")
LUND = official_id(OrganisationKind.MUNICIPALITY, "1281")
PITEA = official_id(OrganisationKind.MUNICIPALITY, "2581")


@dataclass(frozen=True)
class Register:
    """A running register: the 310 organisations, two abroad, an open call, one of staff."""

    settings: RegistrationSettings
    pool: Pool
    app: FastAPI
    call: Call
    chinsali: Organisation
    francistown: Organisation
    staff: UUID

    def interest(self, **changed: Any) -> Interest:
        """An interest that nothing is wrong with."""
        given: dict[str, Any] = {
            "call_id": self.call.call_id,
            "organisation_id": LUND,
            "name": "Kim Lind",
            "email": "kim.lind@lund.example",
            "language": "sv",
            "counterpart": "undecided",
            "theme": "undecided",
            "message": "",
        }
        return Interest(**(given | changed))

    async def submitted(self, **changed: Any) -> UUID:
        """A registration that waits for its sender to confirm."""
        return await submit(
            self.pool, self.interest(**changed), key=str(new_id()), human=True, terms=self.terms()
        )

    def terms(self) -> Terms:
        """The terms for somebody whose address nobody has named before."""
        return Terms(str(new_id()), 1, self.settings.time_to_confirm)

    async def confirmed(self, **changed: Any) -> UUID:
        """A registration whose sender has confirmed."""
        registration_id = await self.submitted(**changed)
        await confirm(self.pool, registration_id)
        return registration_id

    async def state(self, registration_id: UUID) -> str:
        """Where the registration stands."""
        state: str = await self.pool.fetchval(
            "select state from registrations where registration_id = $1", registration_id
        )
        return state

    async def read(
        self,
        store: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What a function of a store answers."""
        async with self.pool.acquire() as conn:
            return await store(conn, *args, **kwargs)

    async def facts(self, key: UUID) -> list[str]:
        """The types of the events of one key, without prefix and version, in order."""
        found = await self.pool.fetch(
            "select event_type from outbox where key = $1 order by topic, sequence", str(key)
        )
        return [row["event_type"].removeprefix("se.icld.").removesuffix(".v1") for row in found]


@asynccontextmanager
async def register(backing: Backing, **settings: Any) -> AsyncIterator[Register]:
    """A register of its own; gone afterwards."""
    async with service_settings(
        backing, "samband_registration", RegistrationSettings, **settings
    ) as own:
        pool = await open_pool(own)
        try:
            yield await _filled(own, pool)
        finally:
            await pool.close()


async def _filled(settings: RegistrationSettings, pool: Pool) -> Register:
    await load_register(pool)
    now = datetime.now(UTC)
    call = await open_call(
        pool,
        OpenCall(
            title=Localised(sv="Mänskliga rättigheter", en="Human rights"),
            opens_at=now - timedelta(days=1),
            closes_at=now + timedelta(days=30),
            zone="Europe/Stockholm",
        ),
        key=str(new_id()),
    )
    return Register(
        settings=settings,
        pool=pool,
        app=web(Runtime(SERVICE, settings, pool, CollectorRegistry())),
        call=call,
        chinsali=await add_foreign_organisation(pool, AddForeignOrganisation("Chinsali", "ZM")),
        francistown=await add_foreign_organisation(
            pool, AddForeignOrganisation("Francistown", "BW")
        ),
        staff=await staff_account(
            pool, email="staff@samband.example", name="Sam Berg", operator="tests"
        ),
    )
