"""How often the public form may be used, and by whom."""

import asyncio
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


async def test_an_address_gets_three_mails_a_day_whoever_it_belongs_to(backing: Backing) -> None:
    async with register(backing, human_seconds=0) as made:
        # Somebody whom we know, and who is with us for longer than the limit remembers.
        await made.confirmed(email="known@a.se")
        answers: dict[str, list[tuple[int, str]]] = {}
        for number, email in enumerate(["known@a.se", "unknown@a.se"]):
            async with visitor(made, address=f"192.0.{number}.1") as somebody:
                shown = [
                    await somebody.submit(await somebody.check_page(email=email)) for _ in range(4)
                ]
                answers[email] = [(one.status, one.text.replace(email, "")) for one in shown]
        assert [status for status, _ in answers["known@a.se"]] == [303, 303, 303, 429]
        assert answers["known@a.se"] == answers["unknown@a.se"]
        assert "inte får fler mejl just nu" in shown[-1].text
        assert shown[-1].typed()["name"] == ANSWERS["name"]


async def test_sending_the_same_twice_counts_once_and_never_against_its_sender(
    backing: Backing,
) -> None:
    async with (
        register(backing, human_seconds=0, address_limit_per_day=1) as made,
        visitor(made) as somebody,
    ):
        check = await somebody.check_page()
        answers = await asyncio.gather(*(somebody.submit(check) for _ in range(4)))
        assert [answer.status for answer in answers] == [303] * 4
        assert await made.pool.fetchval("select count(*) from registrations") == 1
        again = await somebody.submit(await somebody.check_page())
        assert again.status == 429
        assert await made.pool.fetchval("select count(*) from contacts") == 1


async def test_what_is_refused_for_another_reason_does_not_use_up_the_address(
    strict: Register,
) -> None:
    async with visitor(strict) as somebody:
        check = await somebody.check_page()
        assert (await somebody.submit(check, {"theme": "football"})).status == 422
        assert await strict.pool.fetchval("select count(*) from rate_limits") == 0


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
