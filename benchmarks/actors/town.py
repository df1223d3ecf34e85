"""Town: all three services on one Kafka, each process of a kind of its own or all in one.

What `load` puts on them is what the other benchmarks do, all at once: outboxes
full of facts to carry and to apply, a backlog of mails, people who register
and staff who read.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self
from uuid import UUID

from samband_contracts.registrations import RegistrationAccepted, RegistrationReceived
from samband_contracts.topics import REGISTRATIONS
from samband_kit import database, outbox
from samband_kit.ids import new_id
from samband_kit.service import Kind, Service
from samband_kit.testing import create_topics, topic_prefix
from samband_kit.web.links import Links
from samband_networks.main import SERVICE as NETWORKS
from samband_notifications.main import SERVICE as NOTIFICATIONS
from samband_registration.accounts.handlers import LINK_LIFETIME, SIGN_IN, staff_account
from samband_registration.main import SERVICE as REGISTRATION

from benchmarks.actors import mail_backlog, open_register
from benchmarks.actors.browser import Browser
from benchmarks.frame import outboxes
from benchmarks.frame.acting import play
from benchmarks.frame.stage import until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from samband_contracts.event import Event
    from samband_kit.database import Pool
    from samband_kit.settings import Settings

    from benchmarks.actors.smtp_sink import Sink
    from benchmarks.frame.processes import Program
    from benchmarks.frame.stage import Stage

SERVICES = (REGISTRATION, NETWORKS, NOTIFICATIONS)
RUN = "run"
VISITORS = 10
_LISTS = {"networks": "/natverk", "notifications": "/utskick"}


@dataclass(frozen=True, slots=True)
class Load:
    """How much of everything."""

    facts: int
    mails: int
    forms: int
    pages: int


def kinds_of(service: Service) -> list[str]:
    """The kinds of process that a service has, each on its own."""
    return [kind.value for kind in Kind if kind in service.kinds]


class Town:
    """Made by `start`; `programs` by service and kind."""

    def __init__(self, settings: Mapping[str, Settings], pools: Mapping[str, Pool]) -> None:
        self._settings, self._pools = settings, pools
        self._call_id = self._account_id = UUID(int=0)
        self._story = _a_registration()
        self.programs: dict[tuple[str, str], Program] = {}

    @classmethod
    async def start(
        cls, stage: Stage, stack: AsyncExitStack, sink: Sink, kinds: Mapping[str, Sequence[str]]
    ) -> Self:
        """Run `kinds` of each service until the stack is closed."""
        given = {"kafka_prefix": topic_prefix(), "log_level": "INFO"}
        more = {"registration": open_register.SETTINGS, "notifications": sink.settings()}
        settings = {
            one.name: await stack.enter_async_context(
                stage.place(one, **given, **more.get(one.name, {}))
            )
            for one in SERVICES
        }
        pools = {}
        for name, own in settings.items():
            pools[name] = await database.open_pool(own)
            stack.push_async_callback(pools[name].close)
        town = cls(settings, pools)
        await create_topics(settings["registration"])
        await town._prepare()
        # As many at a time as there are cores, so that each starts as fast as it can.
        starting = asyncio.Semaphore(os.cpu_count() or 1)

        async def start(one: Service, kind: str) -> None:
            async with starting:
                town.programs[one.name, kind] = await stack.enter_async_context(
                    stage.running(one, settings[one.name], kind)
                )

        async with asyncio.TaskGroup() as group:
            for one in SERVICES:
                for kind in kinds[one.name]:
                    group.create_task(start(one, kind))
        return town

    async def load(self, load: Load) -> None:
        """Put it all on them, and wait until it is done."""
        await asyncio.gather(
            self._carried(load.facts),
            self._mailed(load.mails),
            play("visitors", self._port("registration"), self._call_id, VISITORS, 0, load.forms, 3),
            self._read(load.pages),
        )

    async def _prepare(self) -> None:
        pool = self._pools["registration"]
        await outboxes.sow(pool, self._story)
        await outboxes.sow(self._pools["networks"])
        self._call_id = await open_register.prepare(self._settings["registration"])
        self._account_id = await staff_account(
            pool, email="staff@samband.example", name="Sam Berg", operator="benchmarks"
        )

    async def _carried(self, facts: int) -> None:
        """Both outboxes filled, carried off, and applied by those who listen."""
        registrations = facts // len(self._story)
        for name, keys in (("registration", registrations), ("networks", facts)):
            async with self._pools[name].acquire() as conn:
                async with conn.transaction():
                    await outboxes.multiply(conn, keys)
                await outbox.wake(conn)
        await until(lambda: self._are_carried(registrations), *self.programs.values(), every=0.2)

    async def _are_carried(self, registrations: int) -> bool:
        waiting = "select exists (select from outbox where published_at is null)"
        # What visitors send meanwhile does not come so far: nobody accepts it.
        applied = "select count(*) from positions where topic = $1 and last_sequence >= $2"
        for name in ("networks", "notifications"):
            if await self._pools[name].fetchval("select exists (select from parked)"):
                raise RuntimeError(f"{name} cannot apply what is put on it")
        last = len(self._story)
        return not await self._pools["networks"].fetchval(waiting) and all(
            [
                await self._pools[name].fetchval(applied, REGISTRATIONS.name, last) >= registrations
                for name in ("networks", "notifications")
            ]
        )

    async def _mailed(self, mails: int) -> None:
        pool = self._pools["notifications"]
        await mail_backlog.fill(self._settings["notifications"], pool, mails)

        async def all_sent() -> bool:
            sent = await pool.fetchval("select count(*) from deliveries where state = 'sent'")
            return int(sent) >= mails

        await until(all_sent, *self.programs.values(), every=0.2)

    async def _read(self, pages: int) -> None:
        await until(self._know_staff, *self.programs.values(), every=0.1)
        token = Links(self._settings["registration"]).sign(SIGN_IN, self._account_id, LINK_LIFETIME)
        async with Browser.open(self._port("registration")) as browser:
            shown = (await browser.get(f"/logga-in/{token}")).expect(200)
            (await browser.post(f"/logga-in/{token}", shown.hidden())).expect(303)
            cookie = browser.cookies[b"session"].decode()
        await asyncio.gather(
            *(
                play("readers", self._port(name), path, VISITORS, pages, cookie)
                for name, path in _LISTS.items()
            )
        )

    async def _know_staff(self) -> bool:
        known = "select exists (select from accounts where account_id = $1)"
        return all([await self._pools[name].fetchval(known, self._account_id) for name in _LISTS])

    def _port(self, name: str) -> int:
        serving = self.programs.get((name, Kind.SERVE.value)) or self.programs[name, RUN]
        return serving.port


def _a_registration() -> list[Event]:
    """What registration says of one that is received and accepted."""
    registration_id, call_id, contact_id = new_id(), new_id(), new_id()
    region = outboxes.a_region()
    return [
        RegistrationReceived(
            registration_id=registration_id,
            call_id=call_id,
            reference="REG-0001",
            organisation_id=region.organisation_id,
            contact_id=contact_id,
            counterpart_id="undecided",
            theme="undecided",
            expires_at=datetime.now(UTC) + timedelta(days=3),
        ),
        RegistrationAccepted(
            registration_id=registration_id,
            call_id=call_id,
            organisation=region,
            contact_ids=(contact_id,),
            counterpart="undecided",
            theme="undecided",
        ),
    ]
