"""Scenarios: what a process is doing when it comes by a failpoint, one for each kind of process.

All are alike: a process that was started armed gets seeded work until it has
died, is started again as a supervisor would, has to get everything done by
itself, and everything is compared.
"""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING, Any, Final

from samband_contracts.topics import REGISTRATIONS
from samband_kit.consumer.lag import LogEnds
from samband_kit.testing import create_topics, eventually

from tests.faults import observation
from tests.faults.desks import desk
from tests.faults.invariants import check
from tests.faults.ledgers import WELL_SECONDS, Ledger, ledger
from tests.faults.observation import Consumer, Fact, Observation, posted
from tests.faults.processes import ServiceProcess, process
from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import (
    PACKAGE,
    PostOffice,
    a_backlog,
    a_contact,
    post_office,
    received,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from samband_contracts.event import CloudEvent

    from tests.faults.trials import Ground

_ENDS: Final = {"kill": -signal.SIGKILL, "stop": 0}


async def facts_flow(ground: Ground, failpoints: str) -> float:
    """The ledger's process: relay, consumers and jobs, with facts coming in all the time."""
    async with (
        ledger(ground.backing, ground.folder, ground.seed) as books,
        books.process(failpoints) as one,
    ):
        commands = 50 if ground.full else 12
        began = await _until_it_failed(one, failpoints, lambda: books.work(1))
        await books.work(commands)
        await books.well()
        seconds = time.monotonic() - began
        await books.check(planned=_action(failpoints) == "stop")
        await _counts_add_up(books, one)
        assert await one.stop() == 0, one.last_words()
    return seconds


async def parked_heals(ground: Ground, failpoints: str) -> float:
    """The ledger's process again, with a key whose handler fails until it is mended."""
    async with (
        ledger(ground.backing, ground.folder, ground.seed) as books,
        books.process(failpoints) as one,
    ):
        await books.refuse(books.keys[0])
        await books.work(40 if ground.full else 12)

        async def is_parked() -> bool:
            return bool(await books.pool.fetchval("select count(*) from parked"))

        await eventually(is_parked, WELL_SECONDS)
        await books.mend()
        began = await _until_it_failed(one, failpoints, lambda: books.work(1))
        await books.well()
        seconds = time.monotonic() - began
        await books.check()
        assert await one.stop() == 0, one.last_words()
    return seconds


async def forms_arrive(ground: Ground, failpoints: str) -> float:
    """Registration's pages, with people who send again what was not answered."""
    async with desk(ground.backing, ground.folder, ground.seed, failpoints) as people:
        await people.process.ready()
        began = time.monotonic()
        commands = 50 if ground.full else 8
        if _is_the_end(failpoints):
            await people.work(commands, deaths=1)
            assert people.deaths == [_ENDS[_action(failpoints)]]
        else:
            await people.work(commands)
            assert people.process.logged("failpoint reached")
        seconds = time.monotonic() - (people.last_death or began)
        await people.check()
        assert await people.process.stop() == 0, people.process.last_words()
    return seconds


async def news_arrive(ground: Ground, failpoints: str) -> float:
    """Notifications' consumers, which write deliveries for what they hear."""
    async with post_office(ground.backing) as office:
        await create_topics(office.settings)
        async with process(PACKAGE, "consume", office.settings, ground.folder, failpoints) as one:
            people = [a_contact(email=f"kim{number}@lund.example") for number in range(8)]
            await office.facts.publish(*people)
            said: list[CloudEvent[Any]] = []

            async def say() -> None:
                contact = people[len(said) % len(people)]
                said.extend(await office.facts.publish(received(contact.contact_id)))

            began = await _until_it_failed(one, failpoints, say)
            for _ in range(30 if ground.full else 8):
                await say()
            await office.facts.applied(office.pool, WELL_SECONDS)
            seconds = time.monotonic() - began
            check(await _told(office, said), ground.about)
            # One mail each, to the one who sent it.
            assert await office.pool.fetchval("select count(*) from deliveries") == len(said)
            assert await one.stop() == 0, one.last_words()
    return seconds


async def mails_leave(ground: Ground, failpoints: str) -> float:
    """A sender in the middle of a backlog."""
    connections, size = 4, 400 if ground.full else 60
    async with (
        mail_server() as server,
        post_office(
            ground.backing,
            server.port,
            smtp_connections=connections,
            send_lease=_lease(ground, _action(failpoints)),
        ) as office,
    ):
        await a_backlog(office, size)
        async with process(PACKAGE, "send", office.settings, ground.folder, failpoints) as one:
            began = await _until_it_failed(one, failpoints, lambda: asyncio.sleep(0.05))
            await eventually(lambda: _all_sent(office), WELL_SECONDS, every=0.1)
            seconds = time.monotonic() - began
            assert await one.stop() == 0, one.last_words()
        seen = Observation(
            deliveries=await observation.deliveries(office.pool),
            mails=posted(server),
            planned=_action(failpoints) == "stop",
        )
        check(seen, ground.about)
        assert len({mail.recipient for mail in seen.mails}) == size
        assert sum(delivery.doubts for delivery in seen.deliveries) <= 2 * connections
        # Each is announced once, however often it left.
        announced = await office.settled()
        assert len({fact["delivery_id"] for fact in announced}) == len(announced) == size
    return seconds


def _lease(ground: Ground, action: str) -> float:
    """Where somebody dies it has to end; the living must not lose theirs to a slow machine.

    A sender waits for answers half as long, and calls a mail uncertain after that.
    """
    return {"stop": 120.0, "kill": 20.0 if ground.full else 5.0}.get(action, 5.0)


async def _until_it_failed(
    one: ServiceProcess, failpoints: str, work: Callable[[], Awaitable[object]]
) -> float:
    """Work until the process has failed, and start it again if it died; when it failed."""
    deadline = time.monotonic() + WELL_SECONDS
    while one.process.returncode is None and not one.logged("failpoint reached"):
        assert time.monotonic() < deadline, f"{failpoints} was not reached: {one.last_words()}"
        await work()
        await asyncio.sleep(0.1)
    failed = time.monotonic()
    if _is_the_end(failpoints):
        assert await one.ended() == _ENDS[_action(failpoints)], one.last_words()
        await one.again()
    return failed


async def _counts_add_up(books: Ledger, one: ServiceProcess) -> None:
    """A process that read everything has counted everything; one that died forgot its counts.

    What was committed is compared with what was settled in either case, as I13.
    """
    if one.logged("failpoint reached"):
        read = sum(
            float(line.rpartition(" ")[2])
            for line in (await one.metrics()).splitlines()
            if line.startswith("samband_records_total{")
        )
        lies_there = len(await observation.log(books.settings, books.topics))
        assert read == lies_there, f"{read} counted, {lies_there} in Kafka"


async def _told(office: PostOffice, said: list[CloudEvent[Any]]) -> Observation:
    listening = Consumer(
        "notifications",
        {REGISTRATIONS.name: frozenset({one.type for one in said})},
        await observation.told(office.pool),
        await observation.positions(office.pool),
        await observation.parked(office.pool),
        await _committed(office),
    )
    return Observation(
        outbox=[
            Fact(REGISTRATIONS.name, one.subject, one.sequence, one.id, one.type, None)
            for one in said
        ],
        log=await observation.log(office.settings, [REGISTRATIONS]),
        consumers=[listening],
    )


async def _committed(office: PostOffice) -> dict[tuple[str, int], int]:
    ends = LogEnds(office.settings.kafka)
    try:
        return await observation.committed(ends, office.settings, "notifications", [REGISTRATIONS])
    finally:
        await ends.close()


async def _all_sent(office: PostOffice) -> bool:
    # Time passes quickly here: what is tried again later is due.
    await office.make_due()
    states = await office.pool.fetch("select state, count(*) as n from deliveries group by 1")
    found = {row["state"]: row["n"] for row in states}
    assert set(found) == {"sent"}, f"I5: {found}"
    return True


def _action(failpoints: str) -> str:
    return failpoints.partition("=")[2].partition("@")[0].partition(":")[0]


def _is_the_end(failpoints: str) -> bool:
    return _action(failpoints) in _ENDS
