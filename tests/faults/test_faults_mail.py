"""The mail worker as real processes, and a mail server and a network that let it down."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from _pytest.mark import ParameterSet
from samband_kit.testing import eventually

from tests.faults import observation
from tests.faults.cases import Area, Invariant, case
from tests.faults.processes import process
from tests.faults.proxy import (
    CLEAR,
    HALF_CLOSED,
    REPLIES_LOST,
    REQUESTS_LOST,
    RESET,
    Weather,
    proxy,
)
from tests.notifications.mail_server import a_mail_program, mail_server
from tests.notifications.post_office import PACKAGE, a_backlog, post_office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from samband_kit.testing import Backing

    from tests.faults.processes import ServiceProcess
    from tests.faults.proxy import Proxy
    from tests.faults.recording import Recovering
    from tests.notifications.mail_server import Delivered, MailProgram
    from tests.notifications.post_office import PostOffice

I5, I6, I7, I8 = Invariant.I5, Invariant.I6, Invariant.I7, Invariant.I8
I12 = Invariant.I12
CONNECTIONS = 4
LEASE = 3.0


@dataclass
class Mailing:
    """A backlog of mails, workers that may be killed, and the mail server's own memory."""

    office: PostOffice
    server: MailProgram
    size: int
    folder: Path

    def worker(self, failpoints: str = "") -> AbstractAsyncContextManager[ServiceProcess]:
        return process(PACKAGE, "send", self.office.settings, self.folder, failpoints)

    def stored(self, at_least: int) -> Callable[[], bool]:
        return lambda: len(self.server.delivered()) >= at_least

    async def in_doubt(self) -> int:
        """Mails that are begun, with no answer written down."""
        return int(
            await self.office.pool.fetchval(
                "select count(*) from deliveries"
                " where state = 'sending' and data_started_at is not null"
            )
        )

    async def all_sent(self, seconds: float = 60) -> list[Delivered]:
        """Wait until every mail is sent, and check who got what; what the server has stored."""

        async def sent() -> bool:
            await self.office.make_due()
            states = Counter((await self.office.states()).values())
            assert states == {"sent": self.size}
            return True

        await eventually(sent, seconds, every=0.2)
        mails = self.server.delivered()
        guests = {f"guest{number}@lund.example" for number in range(1, self.size + 1)}
        assert {mail.recipient for mail in mails} == guests
        # One Message-ID per delivery, and copies of a mail say the same.
        assert len({mail.message_id for mail in mails}) == self.size
        assert len({(mail.message_id, mail.recipient, mail.body) for mail in mails}) == self.size
        return mails


@asynccontextmanager
async def mailing(
    backing: Backing, folder: Path, size: int, network: Proxy | None = None, **changed: object
) -> AsyncIterator[Mailing]:
    """A meeting with `size` guests who are all to be invited now."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(a_mail_program(folder))
        port = server.port
        if network is not None:
            network.server = ("127.0.0.1", port)
            port = network.port
        given = {"smtp_connections": CONNECTIONS, "send_lease": LEASE}
        office = await stack.enter_async_context(post_office(backing, port, **(given | changed)))
        await a_backlog(office, size)
        yield Mailing(office, server, size, folder)


async def uncertain(office: PostOffice) -> int:
    """How often a mail was uncertain."""
    return len([step for step in await office.steps() if step.startswith("uncertain")])


async def only_what_was_in_doubt_came_twice(mails: Mailing) -> None:
    """Copies of each mail against the doubts about that very one."""
    doubts = {
        one.delivery_id.hex: one.doubts for one in await observation.deliveries(mails.office.pool)
    }
    copies = Counter(
        mail.message_id.strip("<>").partition("@")[0] for mail in mails.server.delivered()
    )
    too_many = {one: count for one, count in copies.items() if count > 1 + doubts[one]}
    assert not too_many, f"I6: {too_many}, in doubt: {doubts}"


@case(
    Area.MAIL,
    "kill -9 of the worker, twice, in the middle of a backlog",
    how="SIGKILL while mails leave over 4 connections; the mail server is a process of its own",
    holds=(I5, I6, I7, I8),
)
async def test_a_worker_killed_in_a_large_backlog_leaves_few_in_doubt_and_sends_the_rest_once(
    backing: Backing, tmp_path: Path, full: bool, recovering: Recovering
) -> None:
    size, parts = (6000, (4, 2)) if full else (300, (2,))
    async with mailing(backing, tmp_path, size) as mails, mails.worker() as worker:
        doubts = 0
        for part in parts:
            await eventually(mails.stored(size // part), 120)
            worker.kill()
            await worker.ended()
            in_doubt = await mails.in_doubt()
            assert in_doubt <= 2 * CONNECTIONS
            doubts += in_doubt
            await worker.again()
        with recovering():
            stored = await mails.all_sent(240)
        await only_what_was_in_doubt_came_twice(mails)
        assert len(stored) - size <= doubts == await uncertain(mails.office)
        assert await worker.stop() == 0


@case(
    Area.MAIL,
    "four workers on one backlog",
    how="four processes, stopped by SIGTERM in turn and replaced while mails leave",
    holds=(I5, I6, I7, I12),
)
async def test_workers_that_come_and_go_send_everything_once(
    backing: Backing, tmp_path: Path, full: bool
) -> None:
    size, several = (4000, 4) if full else (200, 2)
    async with mailing(backing, tmp_path, size) as mails, AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(mails.worker()) for _ in range(several)]
        for number, worker in enumerate(workers[::2], 1):
            await eventually(mails.stored(size * number // 4), 120)
            await worker.ready()
            assert await worker.stop() == 0
            await worker.again()
        stored = await mails.all_sent(240)
        assert len(stored) == size
        assert await uncertain(mails.office) == 0
        for worker in workers:
            await worker.ready()
            assert await worker.stop() == 0


@case(
    Area.MAIL,
    "SIGTERM while messages are on the wire",
    how="the mail server answers each message a second later",
    holds=(I5, I6, I12),
)
async def test_a_worker_told_to_stop_hears_the_answers_to_what_it_has_begun(
    backing: Backing, tmp_path: Path
) -> None:
    async with (
        mail_server() as server,
        post_office(
            backing, server.port, smtp_connections=CONNECTIONS, stop_timeout=10.0
        ) as office,
    ):
        server.otherwise = "delay 1"
        await a_backlog(office, 40)
        async with process(PACKAGE, "send", office.settings, tmp_path) as worker:
            await eventually(lambda: len(server.mails) == CONNECTIONS, 60)
            assert await worker.stop() == 0
        assert Counter((await office.states()).values()) == {
            "sent": len(server.mails),
            "queued": 40 - len(server.mails),
        }
        assert await uncertain(office) == 0


QUICK = {
    "replies lost": REPLIES_LOST,
    "cut in the middle of a message": Weather(requests_left=1500, once_said=b"DATA\r\n"),
    "cut at the answer to a message": Weather(replies_left=0, once_said=b"\r\n.\r\n"),
}
MORE = {"requests lost": REQUESTS_LOST, "reset": RESET, "half-closed": HALF_CLOSED}


def _a_case(name: str, weather: Weather, *, long: bool) -> ParameterSet:
    return pytest.param(
        weather,
        id=name,
        marks=case(
            Area.MAIL,
            f"the network to the mail server: {name}",
            how="a proxy between worker and mail server, for two seconds",
            holds=(I5, I6, I7, I8),
            long=long,
        ),
    )


@pytest.mark.parametrize(
    "weather",
    [
        *(_a_case(*named, long=False) for named in QUICK.items()),
        *(_a_case(*named, long=True) for named in MORE.items()),
    ],
)
async def test_bad_weather_on_the_way_to_the_mail_server_repeats_only_what_was_in_doubt(
    backing: Backing, tmp_path: Path, weather: Weather, seed: int, recovering: Recovering
) -> None:
    async with (
        proxy("127.0.0.1", 1) as network,
        mailing(backing, tmp_path, 120, network, smtp_timeout=0.5) as mails,
    ):
        # The way is long, so that the backlog lasts until the weather turns.
        network.weather = Weather(delay=0.02)
        async with mails.office.sending():
            await eventually(mails.stored(10), 30)
            network.weather = weather
            await eventually(lambda: network.struck, 10)
            await asyncio.sleep(random.Random(seed).uniform(1, 2))
            network.weather = CLEAR
            with recovering():
                await mails.all_sent()
        await only_what_was_in_doubt_came_twice(mails)
