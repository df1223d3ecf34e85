"""How often the public form may be used, and by whom."""

from collections.abc import AsyncIterator

import pytest
from samband_kit.testing import Backing
from samband_registration.limits import one_mailbox

from tests.registration.register import Register, register
from tests.registration.visitor import ANSWERS, Visitor, visitor


@pytest.fixture
async def strict(backing: Backing) -> AsyncIterator[Register]:
    async with register(
        backing,
        human_seconds=0,
        address_limit_per_day=2,
        network_limit_per_hour=3,
        overall_limit_per_hour=5,
    ) as made:
        yield made


async def sent(who: Visitor, email: str) -> int:
    """The status of sending a form that names this address."""
    return (await who.submit(await who.check_page(email=email))).status


async def test_one_address_can_be_named_only_so_often(strict: Register) -> None:
    statuses = []
    for number, email in enumerate(["kim@a.se", "KIM@a.se", "k.i.m+x@a.se", "other@a.se"]):
        async with visitor(strict, address=f"192.0.{number}.1") as somebody:
            statuses.append(await sent(somebody, email))
    assert statuses == [303, 303, 429, 303]


async def test_one_network_can_send_only_so_often(strict: Register) -> None:
    statuses = []
    for number in range(4):
        async with visitor(strict, address=f"192.0.2.{number}") as somebody:
            statuses.append(await sent(somebody, f"kim{number}@a.se"))
    assert statuses == [303, 303, 303, 429]


async def test_all_together_can_send_only_so_often_and_lose_nothing(strict: Register) -> None:
    statuses = []
    for number in range(6):
        async with visitor(strict, address=f"192.0.{number}.1") as somebody:
            check = await somebody.check_page(email=f"kim{number}@a.se")
            shown = await somebody.submit(check)
            statuses.append(shown.status)
    assert statuses == [303] * 5 + [429]
    assert shown.typed()["name"] == ANSWERS["name"]
    assert shown.html.select(".error-summary")


async def test_addresses_are_counted_without_being_stored(strict: Register) -> None:
    async with visitor(strict) as somebody:
        await sent(somebody, "canary@a.se")
    buckets = await strict.pool.fetch("select bucket from rate_limits")
    assert len(buckets) == 3
    assert not any("canary" in row["bucket"] or "192.0" in row["bucket"] for row in buckets)


async def test_whoever_is_too_quick_is_asked_to_wait(backing: Backing) -> None:
    async with register(backing, human_seconds=60) as made, visitor(made) as somebody:
        shown = await somebody.submit(await somebody.check_page())
        assert shown.status == 422
        assert shown.typed()["name"] == ANSWERS["name"]
        assert await made.pool.fetchval("select count(*) from registrations") == 0


def test_dots_tags_and_case_do_not_make_another_mailbox() -> None:
    assert one_mailbox("K.Im+tag@Lund.SE") == one_mailbox("kim@lund.se")
    assert one_mailbox("kim@lund.se") != one_mailbox("kim@pitea.se")
