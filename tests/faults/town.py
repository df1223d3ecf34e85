"""Town: all services as processes, people at the forms, a mail server at the other end.

The largest run: registration, networks and notifications with everything that
each of them is, on databases of their own, while people send and confirm; and
what is done to them, planned or not.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import asyncpg
from samband_contracts.topics import CONTACT_STATE, DELIVERIES, REGISTRATIONS
from samband_kit import database
from samband_kit.consumer.lag import LogEnds
from samband_kit.testing import admin_url, eventually, service_settings
from samband_networks.main import SERVICE as NETWORKS
from samband_notifications.main import SERVICE as NOTIFICATIONS

from tests.faults import observation
from tests.faults.desks import Desk, desk
from tests.faults.invariants import check
from tests.faults.observation import Consumer
from tests.faults.processes import ServiceProcess, process
from tests.faults.trials import meanwhile
from tests.notifications.mail_server import MailServer, mail_server
from tests.notifications.post_office import PostOffice, post_office

if TYPE_CHECKING:
    from samband_kit.database import Pool
    from samband_kit.settings import Settings

    from tests.faults.trials import Ground

WELL_SECONDS = 300.0
_CONNECTIONS = 4


@dataclass(frozen=True)
class Town:
    """Who works there, and a way to look at everything."""

    ground: Ground
    desk: Desk
    office: PostOffice
    networks: Settings
    networks_pool: Pool
    server: MailServer
    others: tuple[ServiceProcess, ServiceProcess]
    """Networks and notifications; registration's process is the desk's."""
    ends: LogEnds

    @property
    def processes(self) -> tuple[ServiceProcess, ...]:
        """All of them."""
        return (self.desk.process, *self.others)

    async def up(self, one: ServiceProcess) -> None:
        """Start it again if it has ended."""
        if one is self.desk.process:
            await self.desk.up()
        elif one.process.returncode is not None:
            await (await one.again()).ready()

    async def end_lock_sessions(self, settings: Settings) -> None:
        """End the sessions of a service's leaders."""
        admin = await asyncpg.connect(admin_url(self.ground.backing, settings))
        try:
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
                " and database = (select oid from pg_database where datname = current_database())"
            )
        finally:
            await admin.close()

    async def well(self) -> None:
        """Wait until nothing waits any more: I8."""

        async def nothing_waits() -> bool:
            for _ in range(2):
                waiting = await self._waiting()
                assert not waiting, f"I8: still waiting: {waiting}"
            return True

        await eventually(nothing_waits, WELL_SECONDS, every=0.3)

    async def _waiting(self) -> dict[str, object]:
        await self.office.make_due()
        for pool in (self.desk.here.pool, self.networks_pool, self.office.pool):
            facts = await pool.fetchval("select count(*) from outbox where published_at is null")
            parked = await pool.fetchval("select count(*) from parked")
            if facts or parked:
                return {"facts not published": facts, "parked": parked}
        for service in (NETWORKS, NOTIFICATIONS):
            topics = [reaction.topic for reaction in service.reactions]
            behind = await observation.behind(self.ends, self.networks, service.name, topics)
            if behind:
                return {service.name: behind}
        unsent = await self.office.pool.fetchval(
            "select count(*) from deliveries where state not in ('sent', 'skipped')"
        )
        return {"deliveries": unsent} if unsent else {}

    async def check(self, *, planned: bool = False) -> None:
        """Compare everything; raises `Violated`."""
        seen, mails = await self.desk.seen(), observation.posted(self.server)
        assert seen.asked
        assert mails
        ours = (REGISTRATIONS.name, CONTACT_STATE.name, DELIVERIES.name)
        facts = [
            fact
            for pool in (self.desk.here.pool, self.office.pool)
            for fact in await observation.outbox(pool)
            if fact.topic in ours
        ]
        told = frozenset(
            event.TYPE
            for reaction in NOTIFICATIONS.reactions
            if reaction.topic is REGISTRATIONS
            for event in reaction.handlers
        )
        consumers = [
            await self._consumer(NETWORKS.name, self.networks_pool),
            await self._consumer(
                NOTIFICATIONS.name,
                self.office.pool,
                handled={REGISTRATIONS.name: told},
                effects=await observation.told(self.office.pool),
            ),
        ]
        check(
            replace(
                seen,
                outbox=facts,
                log=await observation.log(
                    self.networks, (REGISTRATIONS, CONTACT_STATE, DELIVERIES)
                ),
                consumers=consumers,
                deliveries=await observation.deliveries(self.office.pool),
                mails=mails,
                planned=planned,
            ),
            self.desk.history.about,
        )

    async def _consumer(self, name: str, pool: Pool, **more: Any) -> Consumer:
        return Consumer(
            name,
            **({"handled": {}, "effects": ()} | more),
            positions=await observation.positions(pool),
            parked=await observation.parked(pool),
            committed=await observation.committed(self.ends, self.networks, name, [REGISTRATIONS]),
        )


@asynccontextmanager
async def town(ground: Ground, *, send_lease: float = 5.0) -> AsyncIterator[Town]:
    """A town of its own; gone afterwards."""
    async with (
        mail_server() as server,
        desk(ground.backing, ground.folder, ground.seed, kind="run") as people,
        post_office(
            ground.backing,
            server.port,
            smtp_connections=_CONNECTIONS,
            send_lease=send_lease,
            kafka_prefix=people.here.settings.kafka_prefix,
        ) as office,
        service_settings(
            ground.backing,
            "samband_networks",
            kafka_prefix=people.here.settings.kafka_prefix,
        ) as networks,
        process("samband_networks", "run", networks, ground.folder) as coordinating,
        process("samband_notifications", "run", office.settings, ground.folder) as posting,
    ):
        pool = await database.open_pool(networks, max_size=2)
        ends = LogEnds(networks.kafka)
        try:
            for one in (people.process, coordinating, posting):
                await one.ready()
            yield Town(
                ground, people, office, networks, pool, server, (coordinating, posting), ends
            )
        finally:
            await ends.close()
            await pool.close()


async def stop_all_in_turn(ground: Ground) -> float:
    """Every service is stopped as planned and started again, while forms are sent."""
    # Nothing dies, so no lease has to end: not even on a machine that hardly moves.
    async with town(ground, send_lease=120.0) as here:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with meanwhile(here.desk.work(120 if ground.full else 20)):
            for _ in range(3 if ground.full else 1):
                for one in here.processes:
                    assert await one.stop() == 0, one.last_words()
                    await here.up(one)
        await here.well()
        seconds = loop.time() - began
        await here.check(planned=True)
    return seconds


async def kill_all_in_turn(ground: Ground) -> float:
    """kill -9 of every service, while forms are sent."""
    async with town(ground) as here:
        loop = asyncio.get_running_loop()
        async with meanwhile(here.desk.work(120 if ground.full else 20)):
            for one in here.processes:
                await asyncio.sleep(0.5)
                one.kill()
                await one.ended()
                began = loop.time()
                await here.up(one)
        await here.well()
        seconds = loop.time() - began
        await here.check()
    return seconds


async def soak(ground: Ground, minutes: float) -> int:
    """Whatever comes to mind, for so long, while forms are sent; how many faults."""
    source = random.Random(ground.seed)
    async with town(ground) as here:
        until = asyncio.get_running_loop().time() + minutes * 60
        faults = 0
        while asyncio.get_running_loop().time() < until:
            one = source.choice(here.processes)
            fault = source.choice((_kill, _stop, _freeze, _end_sessions))
            here.desk.history.happened(f"{fault.__name__} {one.module}")
            async with meanwhile(here.desk.work(20)):
                await asyncio.sleep(source.uniform(0, 1))
                await fault(here, one, source)
            faults += 1
        await here.well()
        await here.check()
    return faults


async def _kill(here: Town, one: ServiceProcess, _: random.Random) -> None:
    one.kill()
    await one.ended()
    await here.up(one)


async def _stop(here: Town, one: ServiceProcess, _: random.Random) -> None:
    assert await one.stop() == 0, one.last_words()
    await here.up(one)


async def _freeze(_: Town, one: ServiceProcess, source: random.Random) -> None:
    one.freeze()
    await asyncio.sleep(source.uniform(0.5, 4))
    one.thaw()


async def _end_sessions(here: Town, one: ServiceProcess, _: random.Random) -> None:
    await here.end_lock_sessions(one.settings)
