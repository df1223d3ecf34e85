"""The sender when its own code fails in the middle of a conversation: a mistake nobody thought of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from samband_kit import failpoints
from samband_kit.testing import Backing, eventually

from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import a_backlog, post_office


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """This process fails on purpose only within a test."""
    yield
    failpoints.arm("")


@pytest.mark.parametrize(
    ("moment", "copies"), [("sender.data", 1), ("sender.sent", 2), ("sender.answered", 2)]
)
async def test_a_mistake_of_ours_costs_a_mail_its_certainty_and_no_connection(
    backing: Backing, moment: str, copies: int
) -> None:
    async with (
        mail_server() as server,
        post_office(backing, server.port, smtp_connections=1) as office,
    ):
        await a_backlog(office, 4)
        failpoints.arm(f"{moment}=raise@2")

        async def all_sent() -> bool:
            await office.make_due()
            return set((await office.states()).values()) == {"sent"}

        async with office.sending():
            await eventually(all_sent, 60)
        # The lease is two minutes: nobody had to wait for it.
        counted = Counter(mail.recipient for mail in server.mails)
        assert sorted(counted.values()) == [1, 1, 1, copies]
        doubts = [step for step in await office.steps() if step.startswith("uncertain")]
        assert len(doubts) == copies - 1
