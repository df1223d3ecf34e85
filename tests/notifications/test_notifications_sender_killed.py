"""A sender that is killed, or frozen, in the middle of a backlog."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from samband_kit.testing import Backing, eventually

from tests.faults.processes import process
from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import PACKAGE, PostOffice, a_backlog, post_office

BACKLOG = 300
CONNECTIONS = 4
PATIENCE = 120.0


async def doubtful(office: PostOffice) -> int:
    """How many mails are begun, with no answer written down."""
    count = await office.pool.fetchval(
        "select count(*) from deliveries where state = 'sending' and data_started_at is not null"
    )
    assert isinstance(count, int)
    return count


async def test_a_killed_sender_leaves_few_mails_in_doubt_and_none_behind(
    backing: Backing, tmp_path: Path
) -> None:
    async with (
        mail_server() as server,
        post_office(backing, server.port, smtp_connections=CONNECTIONS, send_lease=3.0) as office,
    ):
        await a_backlog(office, BACKLOG)
        async with process(PACKAGE, "send", office.settings, tmp_path) as sender:
            await eventually(lambda: len(server.mails) > BACKLOG // 4, PATIENCE)
            sender.kill()
            await sender.ended()
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


async def test_a_sender_frozen_past_its_lease_begins_nothing_more(
    backing: Backing, tmp_path: Path
) -> None:
    async with (
        mail_server() as server,
        post_office(backing, server.port, smtp_connections=CONNECTIONS, send_lease=2.0) as office,
    ):
        await a_backlog(office, BACKLOG)
        async with process(PACKAGE, "send", office.settings, tmp_path) as sender:
            await eventually(lambda: len(server.mails) > BACKLOG // 8, PATIENCE)
            sender.freeze()
            await asyncio.sleep(0.2)
            in_doubt = await doubtful(office)
            assert in_doubt <= 2 * CONNECTIONS
            async with office.sending():
                await eventually(_everything_sent(office), 90)
                sender.thaw()
                await asyncio.sleep(1.0)
            assert await sender.stop() == 0
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
        post_office(backing, server.port, smtp_connections=1, send_lease=3.0) as office,
    ):
        server.pause = 1.0
        await a_backlog(office, 6)
        async with office.sending(), office.sending():
            await office.until("sent", timeout=PATIENCE)
        assert len(server.mails) == 6
        assert await office.steps() == []
