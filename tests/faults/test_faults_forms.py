"""Forms over real HTTP while too many come at once, or while the database is silent."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from samband_kit.ids import new_id

from tests.faults.cases import Area, Invariant, case
from tests.faults.processes import process
from tests.faults.proxy import BLACKHOLE, CLEAR, Weather
from tests.registration.register import LUND, Register, register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.faults.ground import Ground
    from tests.faults.recording import Recovering

WELL = (Invariant.I1, Invariant.I4, Invariant.I8)
# What a process waits for: its turn, then a connection, then a reply, each with its own limit.
PATIENCE = 150.0


@dataclass
class Desk:
    """Registration as a process behind the proxy, and a client without manners."""

    here: Register
    client: httpx.AsyncClient

    async def form(self, number: int) -> tuple[str, dict[str, Any]]:
        """A filled-in form and the key that belongs to it."""
        token = (await self.client.get("/api/registration/form-token")).json()["form_token"]
        return str(new_id()), {
            "organisation_id": str(LUND),
            "name": "Kim Lind",
            "email": f"kim{number}@lund.example",
            "language": "sv",
            "counterpart": "undecided",
            "theme": "undecided",
            "form_token": token,
        }

    async def send(self, key: str, form: dict[str, Any]) -> httpx.Response:
        path = f"/api/registration/calls/{self.here.call.call_id}/registrations"
        return await self.client.post(path, json=form, headers={"Idempotency-Key": key})

    async def all_registered_once(self, forms: list[tuple[str, dict[str, Any]]]) -> None:
        """Each form is sent again until it is taken; however often that was, it counts once."""
        for key, form in forms:
            assert (await self.send(key, form)).status_code == 202
        count = await self.here.pool.fetchval("select count(*) from registrations")
        facts = await self.here.pool.fetchval(
            "select count(distinct key) from outbox where event_type like '%registration.received%'"
        )
        assert count == facts == len(forms)


@asynccontextmanager
async def desk(rough: Ground, folder: Path) -> AsyncIterator[Desk]:
    """A desk that is not the one to say that somebody comes too often."""
    endless = httpx.Limits(max_connections=None)
    async with (
        register(
            rough.backing,
            human_seconds=0,
            network_limit_per_hour=100_000,
            overall_limit_per_hour=100_000,
        ) as here,
        process("samband_registration", "serve", rough.behind(here.settings), folder) as web,
        httpx.AsyncClient(base_url=web.address, timeout=PATIENCE, limits=endless) as client,
    ):
        await web.ready()
        yield Desk(here, client)


@case(
    Area.FORMS,
    "500 forms at the same moment",
    how="500 connections post a form each to one process with ten connections to Postgres",
    holds=WELL,
)
async def test_a_crowd_is_served_or_told_when_to_come_back(
    rough: Ground, tmp_path: Path, full: bool
) -> None:
    async with desk(rough, tmp_path) as at:
        forms = [await at.form(number) for number in range(500 if full else 200)]
        # A long way to Postgres, so that nobody is through before all are there.
        rough.to_postgres.weather = Weather(delay=0.05)
        answers = await asyncio.gather(*(at.send(*form) for form in forms))
        rough.to_postgres.weather = CLEAR
        told = Counter(answer.status_code for answer in answers)
        assert set(told) == {202, 503}
        assert told[202] >= 50
        busy = [answer for answer in answers if answer.status_code == 503]
        assert {answer.headers["Retry-After"] for answer in busy} == {"60"}
        assert {answer.headers["Content-Type"] for answer in busy} == {"application/problem+json"}
        await at.all_registered_once(forms)


@case(
    Area.FORMS,
    "Postgres is silent",
    how="a proxy lets nothing through while forms are sent, many more than there are connections",
    holds=WELL,
    long=True,
)
async def test_a_silent_database_costs_every_visitor_a_bounded_time(
    rough: Ground, tmp_path: Path, recovering: Recovering
) -> None:
    async with desk(rough, tmp_path) as at:
        forms = [await at.form(number) for number in range(80)]
        rough.to_postgres.weather = BLACKHOLE
        answers = await asyncio.gather(*(at.send(*form) for form in forms))
        assert {answer.status_code for answer in answers} == {503}
        assert all(answer.headers["Retry-After"] for answer in answers)
        rough.to_postgres.weather = CLEAR
        with recovering():
            await at.all_registered_once(forms)


@case(
    Area.FORMS,
    "the reply to COMMIT is lost",
    how="a proxy cuts each connection at that moment; the sender tries again with the same key",
    holds=(Invariant.I1, Invariant.I2, Invariant.I4),
)
async def test_a_form_whose_commit_was_not_heard_of_counts_once(
    rough: Ground, tmp_path: Path
) -> None:
    async with desk(rough, tmp_path) as at:
        forms = [await at.form(number) for number in range(10)]
        rough.to_postgres.weather = Weather(replies_left=0, once_said=b"COMMIT;")
        answers = [await at.send(*form) for form in forms]
        assert rough.to_postgres.struck
        assert {answer.status_code for answer in answers} <= {202, 503}
        assert 503 in {answer.status_code for answer in answers}
        rough.to_postgres.weather = CLEAR
        await at.all_registered_once(forms)
