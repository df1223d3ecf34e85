"""The list that staff look through: pages by key, and filters."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from samband_kit.testing import Backing
from samband_registration.registrations.domain.machine import State
from samband_registration.registrations.store.listing import Filters, listing

from tests.registration.register import PITEA, Register, register


@pytest.fixture
async def here(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing) as made:
        yield made


async def test_staff_page_through_the_list_by_key(here: Register) -> None:
    made = [await here.submitted() for _ in range(5)]
    newest_first = made[::-1]
    first = await here.read(listing, Filters(), limit=2)
    second = await here.read(listing, Filters(), after=first.older, limit=2)
    last = await here.read(listing, Filters(), after=second.older, limit=2)
    shown = [[row.registration_id for row in page.rows] for page in (first, second, last)]
    assert shown == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert (first.newer, last.older, first.count) == (None, None, 5)
    back = await here.read(listing, Filters(), before=second.newer, limit=2)
    assert (back.rows, back.newer) == (first.rows, None)


async def test_staff_filter_by_state_name_and_reference(here: Register) -> None:
    lund = await here.confirmed(counterpart=here.chinsali.organisation_id)
    await here.submitted(organisation_id=PITEA)
    reference = await here.pool.fetchval(
        "select reference from registrations where registration_id = $1", lund
    )
    for filters in (
        Filters(state=State.SUBMITTED),
        Filters(text="lunds kommun"),
        Filters(text="Chinsali"),
        Filters(text=reference.replace("-", " ")),
        Filters(call_id=here.call.call_id, text="LUND"),
    ):
        found = await here.read(listing, filters)
        assert [row.registration_id for row in found.rows] == [lund], filters
    assert (await here.read(listing, Filters(text="%"))).count == 0
    assert (await here.read(listing, Filters(call_id=UUID(int=1)))).count == 0
