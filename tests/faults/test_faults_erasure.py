"""Erasure at the worst moment: the person's mail is on the wire, or its answer is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from samband_kit.testing import eventually, tables_with

from tests.faults.cases import Area, Invariant, case
from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import a_contact, erased, post_office, received

if TYPE_CHECKING:
    from samband_kit.testing import Backing

    from tests.notifications.post_office import PostOffice

NAME, ADDRESS = "Kanarie Berg", "kanarie@lund.example"


async def nothing_of_them(office: PostOffice) -> bool:
    """Whether no table of the service holds the person any more."""
    for secret in (NAME, ADDRESS, "kanarie"):
        assert await tables_with(office.pool, secret) == []
    return True


@pytest.mark.parametrize(
    ("answer", "states"),
    [
        pytest.param(
            answer,
            states,
            id=words,
            marks=case(
                Area.PRIVACY,
                f"a person is erased while the mail to them is on the wire: {words}",
                how="the mail server answers after the erasure, and quotes the person",
                holds=(Invariant.I5, Invariant.I6, Invariant.I11),
            ),
        )
        for answer, words, states in (
            ("wait", "it is taken", {"sent"}),
            ("wait 451 Kanarie Berg is away", "it is refused for now", {"skipped: erased"}),
            ("wait 550 no Kanarie Berg here", "it is refused", {"failed: refused"}),
            ("wait lose", "no answer comes", {"skipped: erased"}),
        )
    ],
)
async def test_an_erasure_that_meets_a_mail_on_the_wire_leaves_nothing(
    backing: Backing, answer: str, states: set[str]
) -> None:
    contact = a_contact(NAME, ADDRESS)
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ADDRESS, answer)
        await office.hear(contact, received(contact.contact_id))
        async with office.sending():
            await eventually(lambda: server.waiting == 1)
            await office.hear(erased(contact))
            await nothing_of_them(office)
            server.go.set()

            async def ended() -> bool:
                await office.make_due()
                assert set((await office.states()).values()) == states
                return await nothing_of_them(office)

            await eventually(ended)
        assert len(server.mails) <= 1
        assert len(await office.settled()) == 1
