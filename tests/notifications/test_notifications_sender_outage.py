"""A sender that stops while Postgres is away: it has nothing left to ask of it."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from pydantic import SecretStr
from samband_kit.database import REPLY_SECONDS, open_pool
from samband_kit.testing import Backing, eventually
from samband_notifications.sender.held import HeldConnection

from tests.faults.proxy import BLACKHOLE, proxy
from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import PostOffice, a_backlog, post_office

_OTHERS = """from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()"""


async def end_all_sessions(office: PostOffice) -> None:
    """What a restart of Postgres does to connections that nobody uses at the moment."""
    async with office.pool.acquire() as conn:
        await conn.execute(f"select pg_terminate_backend(pid) {_OTHERS}")

        async def are_gone() -> bool:
            return not await conn.fetchval(f"select count(*) {_OTHERS}")

        await eventually(are_gone)


async def test_an_idle_sender_stops_well_after_postgres_has_ended_its_sessions(
    backing: Backing,
) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        await a_backlog(office, 1)
        async with office.sending():
            await office.until("sent")
            await end_all_sessions(office)
        # Nothing that was lost is handed out by the pool.
        assert set((await office.states()).values()) == {"sent"}


async def test_a_silent_postgres_keeps_nobody_who_stops(backing: Backing) -> None:
    async with post_office(backing) as office:
        url = urlsplit(office.settings.database_url.get_secret_value())
        async with proxy(url.hostname or "", url.port or 5432) as network:
            way = f"{url.netloc.rpartition('@')[0]}@127.0.0.1:{network.port}"
            pool = await open_pool(
                office.settings.model_copy(
                    update={"database_url": SecretStr(url._replace(netloc=way).geturl())}
                )
            )
            held = HeldConnection(pool, longest_pause=10)
            await held.get()
            network.weather = BLACKHOLE
            # A reply is waited for longer than a supervisor waits for a stop.
            async with asyncio.timeout(REPLY_SECONDS / 2):
                await held.release()
            pool.terminate()
