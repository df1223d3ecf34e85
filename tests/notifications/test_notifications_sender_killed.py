"""A sender that is killed, or frozen, in the middle of a backlog."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from samband_kit.testing import Backing, eventually

from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import PACKAGE, PostOffice, a_backlog, post_office

BACKLOG = 300
CONNECTIONS = 4


@asynccontextmanager
async def a_send_process(office: PostOffice) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = office.settings
    environment = {
        "SAMBAND_DATABASE_URL": settings.database_url.get_secret_value(),
        "SAMBAND_KAFKA_SERVERS": settings.kafka_servers,
        "SAMBAND_KAFKA_PREFIX": settings.kafka_prefix,
        "SAMBAND_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "SAMBAND_PUBLIC_URL": settings.public_url,
        "SAMBAND_OPS_PORT": "0",
        "SAMBAND_SMTP_HOST": settings.smtp_host,
        "SAMBAND_SMTP_PORT": str(settings.smtp_port),
        "SAMBAND_SMTP_TLS": "none",
        "SAMBAND_SMTP_CONNECTIONS": str(settings.smtp_connections),
        "SAMBAND_SEND_LEASE": str(settings.send_lease),
        "SAMBAND_MAIL_FROM": settings.mail_from,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", PACKAGE, "send", env=os.environ | environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()


async def doubtful(office: PostOffice) -> int:
    """How many mails are begun, with no answer written down."""
    count = await office.pool.fetchval(
        "select count(*) from deliveries where state = 'sending' and data_started_at is not null"
    )
    assert isinstance(count, int)
    return count


async def test_a_killed_sender_leaves_few_mails_in_doubt_and_none_behind(
    backing: Backing,
) -> None:
    async with (
        mail_server() as server,
        post_office(backing, server.port, smtp_connections=CONNECTIONS, send_lease=3.0) as office,
    ):
        await a_backlog(office, BACKLOG)
        async with a_send_process(office) as process:
            await eventually(lambda: len(server.mails) > BACKLOG // 4, 30)
            process.kill()
            await process.wait()
        in_doubt = await doubtful(office)
        assert in_doubt <= 2 * CONNECTIONS
        async with office.sending():
            await eventually(_everything_sent(office), 90)
        copies = Counter(mail.recipient for mail in server.mails)
        assert len(copies) == BACKLOG
        assert sum(copies.values()) - BACKLOG <= in_doubt
        assert len({mail.message_id for mail in server.mails}) == BACKLOG
        uncertain = [step for step in await office.steps() if step == "uncertain: worker_lost"]
        assert len(uncertain) == in_doubt
        counted = office.registries[-1].get_sample_value("samband_deliveries_uncertain_total")
        assert counted == in_doubt


async def test_a_sender_frozen_past_its_lease_begins_nothing_more(backing: Backing) -> None:
    async with (
        mail_server() as server,
        post_office(backing, server.port, smtp_connections=CONNECTIONS, send_lease=2.0) as office,
    ):
        await a_backlog(office, BACKLOG)
        async with a_send_process(office) as process:
            await eventually(lambda: len(server.mails) > BACKLOG // 8, 30)
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.2)
            in_doubt = await doubtful(office)
            assert in_doubt <= 2 * CONNECTIONS
            async with office.sending():
                await eventually(_everything_sent(office), 90)
                process.send_signal(signal.SIGCONT)
                await asyncio.sleep(1.0)
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 20) == 0
        copies = Counter(mail.recipient for mail in server.mails)
        assert len(copies) == BACKLOG
        # What the server had taken before the freeze came again; what thawed later did not.
        assert sum(copies.values()) - BACKLOG <= in_doubt
        assert set((await office.states()).values()) == {"sent"}


def _everything_sent(office: PostOffice) -> Callable[[], Awaitable[bool]]:
    async def sent() -> bool:
        await office.make_due()
        return set((await office.states()).values()) == {"sent"}

    return sent


async def test_what_waits_behind_a_slow_server_stays_with_its_sender(backing: Backing) -> None:
    async with (
        mail_server() as server,
        post_office(backing, server.port, smtp_connections=1, send_lease=0.9) as office,
    ):
        server.pause = 0.3
        await a_backlog(office, 6)
        async with office.sending(), office.sending():
            await office.until("sent", timeout=30)
        assert len(server.mails) == 6
        assert await office.steps() == []
