"""Desks: registration as a process, and people who send forms and do not give up.

Each command goes over HTTP with an idempotency key of its own. When the
connection breaks or the answer is an apology, it is sent again with the same
key until it is answered, as a browser's owner or another system would.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from bs4 import BeautifulSoup
from samband_contracts.topics import CONTACT_STATE, REGISTRATIONS
from samband_contracts.values import OrganisationKind
from samband_kit.testing import create_topics
from samband_kit.web.links import Links
from samband_registration.organisations.domain import official_id

from tests.faults import observation
from tests.faults.history import Command, History, Outcome
from tests.faults.invariants import check
from tests.faults.observation import Asked, Fact, Observation
from tests.faults.processes import ServiceProcess, process
from tests.registration.register import Register, register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from samband_kit.testing import Backing

    Attempt = Callable[[httpx.AsyncClient, Command], Awaitable[None]]

MODULE = "samband_registration"
_CODES = ("1281", "2581", "0180", "1480", "1280", "0380", "0580", "2480")
_PATIENCE_SECONDS = 120.0
_PAUSE = 0.05


@dataclass
class Desk:
    """The register, the people in front of it, and what they were told."""

    here: Register
    folder: Path
    history: History
    random: random.Random
    process: ServiceProcess
    emails: dict[str, str] = field(default_factory=dict)
    registrations: dict[str, UUID] = field(default_factory=dict)
    deaths: list[int] = field(default_factory=list)
    last_death: float | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def work(self, commands: int, *, deaths: int = 0) -> None:
        """Send forms and confirm some, so many at least, and until the process died so often."""
        given = 0
        while given < commands or len(self.deaths) < deaths:
            await self.send_and_confirm()
            given += 1

    async def send_and_confirm(self) -> None:
        """One person's registration and, in two of three cases, the confirmation.

        When the process has died it is started again, before the next attempt.
        """
        name = str(UUID(int=self.random.getrandbits(128), version=4))
        self.emails[name] = f"{name}@lund.example"
        await self._answered(name, self._submit)
        if self.random.random() < 2 / 3:
            [self.registrations[name]] = [
                one for key, one in (await self._registrations()).items() if key == name
            ]
            await self._answered(f"confirm {name}", self._confirm)

    async def up(self) -> None:
        """Start the process again if it has ended, and wait until it is ready."""
        async with self._starting:
            if self.process.process.returncode is not None:
                self.deaths.append(self.process.process.returncode)
                self.last_death = time.monotonic()
                await (await self.process.again()).ready()

    async def _answered(self, name: str, send: Attempt) -> None:
        with self.history.given(name) as command:
            loop = asyncio.get_running_loop()
            until = loop.time() + _PATIENCE_SECONDS
            async with httpx.AsyncClient(timeout=30) as client:
                while command.outcome is Outcome.UNKNOWN:
                    assert loop.time() < until, f"I8: {name} is not answered"
                    await self.up()
                    try:
                        await send(client, command)
                    except httpx.TransportError:
                        await asyncio.sleep(_PAUSE)

    async def _submit(self, client: httpx.AsyncClient, command: Command) -> None:
        api = f"{self.process.address}/api/registration"
        if "form_token" not in command.given:
            token = await client.get(f"{api}/form-token")
            command.given["form_token"] = token.json()["form_token"]
            command.given["organisation_id"] = str(
                official_id(OrganisationKind.MUNICIPALITY, self.random.choice(_CODES))
            )
        answer = await client.post(
            f"{api}/calls/{self.here.call.call_id}/registrations",
            headers={"Idempotency-Key": command.name},
            json={
                "name": "Kim Lind",
                "email": self.emails[command.name],
                "language": "sv",
                "counterpart": "undecided",
                "theme": "undecided",
                **command.given,
            },
        )
        self._note(command, answer, 202)
        if command.outcome is Outcome.OK:
            command.answer = answer.json()

    async def _confirm(self, client: httpx.AsyncClient, command: Command) -> None:
        registration_id = self.registrations[command.name.removeprefix("confirm ")]
        token = Links(self.here.settings).sign("confirm", registration_id, timedelta(hours=1))
        page = await client.get(f"{self.process.address}/bekrafta/{token}")
        field = BeautifulSoup(page.text, "html.parser").select_one("input[name=csrf_token]")
        if field is None:
            # Confirmed by an attempt whose answer was lost, or an apology.
            self._note(command, page, 200)
            return
        answer = await client.post(
            f"{self.process.address}/bekrafta/{token}", data={"csrf_token": str(field["value"])}
        )
        self._note(command, answer, 303)

    @staticmethod
    def _note(command: Command, answer: httpx.Response, expected: int) -> None:
        if answer.status_code == expected:
            command.outcome = Outcome.OK
        elif answer.status_code < 500:
            raise AssertionError(f"{command.name} was answered {answer.status_code}: {answer.text}")

    async def _registrations(self) -> dict[str, UUID]:
        """By idempotency key, what came of it."""
        rows = await self.here.pool.fetch(
            "select key, result ->> 'registration_id' as id from idempotency_keys"
            " where key like 'submit:%' and result is not null"
        )
        return {row["key"].removeprefix("submit:"): UUID(row["id"]) for row in rows}

    async def seen(self) -> Observation:
        """The commands and what has come of them in the register and its outbox."""
        facts = [
            fact
            for fact in await observation.outbox(self.here.pool)
            if fact.topic in (REGISTRATIONS.name, CONTACT_STATE.name)
        ]
        of_request: dict[UUID | None, list[Fact]] = defaultdict(list)
        for fact in facts:
            of_request[fact.correlation_id].append(fact)
        requests = [
            request
            for request in of_request.values()
            if any(one.topic == REGISTRATIONS.name for one in request)
        ]
        registrations = await self._registrations()
        asked, claimed = [], []
        for name, command in self.history.commands.items():
            confirms = name.startswith("confirm ")
            key = str(registrations.get(name.removeprefix("confirm ")))
            mine = [
                request
                for request in requests
                if any(one.key == key and _received(one) != confirms for one in request)
            ]
            claimed += mine
            came = [fact for request in mine for fact in request]
            asked.append(Asked(command, came, wanted=1 if confirms else 2, done=len(mine)))
        unasked = [fact for request in requests if request not in claimed for fact in request]
        return Observation(asked=asked, unasked=unasked)

    async def check(self) -> None:
        """Compare; raises `Violated`. The receipts must name what is in the register."""
        check(await self.seen(), self.history.about)
        rows = await self.here.pool.fetch(
            "select email, reference from registrations"
            " join registration_contacts using (registration_id) join contacts using (contact_id)"
        )
        known = {row["email"]: row["reference"] for row in rows}
        for name, email in self.emails.items():
            answer = self.history.commands[name].answer
            assert known[email] == answer["reference"], f"I1: {name} has another receipt"
        assert len(rows) == len(self.emails)


def _received(fact: Fact) -> bool:
    return fact.event_type.endswith(".received.v1")


@asynccontextmanager
async def desk(
    backing: Backing, folder: Path, seed: int, failpoints: str = "", *, kind: str = "serve"
) -> AsyncIterator[Desk]:
    """A register of its own with its pages as a process; gone afterwards.

    With the kind `run` it also publishes; the topics are there.
    """
    async with (
        register(backing, human_seconds=0.0, network_limit_per_hour=100_000) as here,
        process(MODULE, kind, here.settings, folder, failpoints) as web,
    ):
        if kind == "run":
            await create_topics(here.settings)
        history = History(folder, seed)
        yield Desk(here, folder, history, random.Random(seed), web)
