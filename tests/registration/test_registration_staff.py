"""Staff's pages: signing in, the lists, answering, calls, organisations abroad."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from samband_contracts.values import Role
from samband_kit.ids import new_id
from samband_kit.testing import Backing
from samband_kit.web.app import rules, unguarded

from tests.registration.register import PITEA, Register, register
from tests.registration.visitor import Page, Visitor, visitor

LIST = "/handlaggning/anmalningar"
CALLS = "/handlaggning/utlysningar"
ABROAD = "/handlaggning/organisationer"
NEW_CALL = {
    "title_sv": "Miljö",
    "title_en": "Environment",
    "opens_at": "2031-02-11T10:00",
    "closes_at": "2031-03-11T10:00",
    "zone": "Europe/Stockholm",
}


@pytest.fixture(scope="module")
async def here(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing, human_seconds=0) as made:
        yield made


@pytest.fixture(params=["sv", "en"])
async def staff(request: pytest.FixtureRequest, here: Register) -> AsyncIterator[Visitor]:
    await here.pool.execute("truncate registrations cascade")
    async with visitor(here, language=request.param) as somebody:
        await somebody.sign_in()
        yield somebody


@pytest.fixture
async def stranger(here: Register) -> AsyncIterator[Visitor]:
    async with visitor(here) as somebody:
        yield somebody


async def press(staff: Visitor, shown: Page, command: str) -> Page:
    """Press one of several buttons, each a form of its own."""
    form = next(
        form
        for form in shown.html.select("main form")
        if str(form["action"]).endswith(f"/{command}")
    )
    fields = {str(field["name"]): str(field["value"]) for field in form.select("input")}
    return await staff.post(str(form["action"]), fields)


def test_every_route_has_a_rule(here: Register) -> None:
    assert unguarded(here.app) == []


def test_only_staff_reach_what_is_staffs(here: Register) -> None:
    wrong = [
        route
        for route, roles in rules(here.app).items()
        if "/handlaggning" in route and roles != frozenset({Role.STAFF})
    ]
    assert wrong == []


@pytest.mark.parametrize("path", [LIST, CALLS, ABROAD, f"{LIST}/{UUID(int=1)}"])
async def test_a_stranger_is_asked_to_sign_in(stranger: Visitor, path: str) -> None:
    assert (await stranger.get(path)).status == 401
    assert (await stranger.post(path)).status in (401, 405)


async def test_a_sign_in_link_works_once(stranger: Visitor) -> None:
    path = f"/logga-in/{stranger.link('sign-in', stranger.here.staff)}"
    shown = await stranger.get(path)
    assert (await stranger.get(LIST)).status == 401
    assert (await stranger.submit(shown)).status == 303
    assert (await stranger.get(LIST)).status == 200
    again = await stranger.post(path)
    assert again.status == 410
    left = await stranger.post("/logga-ut")
    assert left.answer.headers["location"] == "/"
    assert (await stranger.get(LIST)).status == 401


@pytest.mark.parametrize("hours", [-1, 1])
async def test_an_expired_or_foreign_sign_in_link_lets_nobody_in(
    stranger: Visitor, hours: int
) -> None:
    token = stranger.link("sign-in", stranger.here.staff if hours < 0 else new_id(), hours=hours)
    shown = await stranger.post(f"/logga-in/{token}")
    assert shown.status in (403, 410)
    assert (await stranger.get(LIST)).status == 401


async def test_an_empty_list_says_why(staff: Visitor) -> None:
    assert (await staff.get(LIST)).html.select(".empty")
    filtered = await staff.get(f"{LIST}?q=zzz")
    assert filtered.html.select(f'.empty a[href="{LIST}"]')


async def test_the_list_is_filtered_by_its_address_and_paged_by_key(staff: Visitor) -> None:
    made = [await staff.here.submitted() for _ in range(26)]
    pitea = await staff.here.confirmed(organisation_id=PITEA)
    first = await staff.get(LIST)
    assert re.search(r"\b27\b", first.text)
    assert len(first.html.select("tbody tr")) == 25
    older = first.html.select_one("a[rel=next]")
    assert older is not None
    second = await staff.get(str(older["href"]))
    assert [str(made[0]) in second.answer.text, str(made[1]) in second.answer.text] == [True] * 2
    newer = second.html.select_one("a[rel=prev]")
    assert newer is not None
    assert (await staff.get(str(newer["href"]))).text == first.text
    for query in (f"state=submitted&call={staff.here.call.call_id}", "q=pitea", "q=Pite%C3%A5"):
        found = await staff.get(f"{LIST}?{query}")
        assert len(found.html.select("tbody tr")) == 1
        assert str(pitea) in found.answer.text


@pytest.mark.parametrize(
    "query", ["after=x", "before=1", "state=nonsense", "call=x", "q=%00", "q=%25", "q=" + "x" * 999]
)
async def test_a_strange_address_of_the_list_is_no_error_of_ours(
    staff: Visitor, query: str
) -> None:
    assert (await staff.get(f"{LIST}?{query}")).status in (200, 422)


async def test_from_opening_to_acceptance(staff: Visitor) -> None:
    made = await staff.here.confirmed(message="<b>Hej</b>", name="Kim Lind")
    path = f"{LIST}/{made}"
    shown = await staff.get(path)
    assert "<b>Hej</b>" in shown.text
    shown = await staff.follow(await press(staff, shown, "open"))
    accepted = await asyncio.gather(*(press(staff, shown, "accept") for _ in range(3)))
    assert {one.status for one in accepted} == {303}
    done = await staff.get(path)
    assert await staff.here.state(made) == "accepted"
    assert (await staff.here.facts(made)).count("interest-registration.accepted") == 1
    assert done.text.count("Sam Berg") == 2
    assert not done.html.select("main form")


async def test_a_second_opinion_comes_too_late_and_is_told_so(staff: Visitor) -> None:
    made = await staff.here.confirmed()
    shown = await staff.follow(await press(staff, await staff.get(f"{LIST}/{made}"), "open"))
    await press(staff, shown, "decline")
    late = await press(staff, shown, "accept")
    assert late.status == 409
    assert late.html.select(".error-summary")
    assert await staff.here.state(made) == "declined"


@pytest.mark.parametrize(("command", "state"), [("merge", "merged"), ("keep", "submitted")])
async def test_staff_settle_a_duplicate(staff: Visitor, command: str, state: str) -> None:
    first = await staff.here.confirmed()
    second = await staff.here.confirmed()
    shown = await staff.get(f"{LIST}/{second}")
    assert shown.html.select(f'main a[href="{LIST}/{first}"]')
    await press(staff, shown, command)
    assert await staff.here.state(second) == state


@pytest.mark.parametrize("command", ["submit", "withdraw", "nonsense"])
async def test_staff_have_no_other_commands(staff: Visitor, command: str) -> None:
    made = await staff.here.confirmed()
    assert (await staff.post(f"{LIST}/{made}/{command}")).status == 404


async def test_a_command_without_its_key_is_refused(staff: Visitor) -> None:
    made = await staff.here.confirmed()
    for key in ({}, {"idempotency_key": "x"}):
        assert (await staff.post(f"{LIST}/{made}/open", key)).status == 422
    unknown = {"idempotency_key": str(new_id())}
    assert (await staff.post(f"{LIST}/{UUID(int=1)}/open", unknown)).status == 404


async def test_staff_open_a_call_once(staff: Visitor) -> None:
    shown = await staff.get(CALLS)
    for _ in range(2):
        assert (await staff.submit(shown, NEW_CALL)).status == 303
    row = await staff.here.pool.fetchrow("select * from calls where title_sv = 'Miljö'")
    assert row is not None
    assert row["opens_at"] == datetime(2031, 2, 11, 9, 0, tzinfo=UTC)
    assert row["closes_at"] - row["opens_at"] == timedelta(days=28)
    await staff.here.pool.execute("delete from calls where title_sv = 'Miljö'")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("title_sv", ["", "x" * 151, "Rad\nett"]),
        ("title_en", ["", "x" * 151, "a\x00"]),
        ("opens_at", ["", "i morgon", "2031-03-30T02:30", "0001-01-01T00:00"]),
        (
            "closes_at",
            ["", "2031-02-30T10:00", "9999-12-31T23:59", "2031-02-11T10:00", "2020-01-01T10:00"],
        ),
        ("zone", ["", "Mars/Olympus", "../etc/passwd"]),
    ],
)
async def test_a_bad_call_gets_a_message_at_its_field(
    staff: Visitor, field: str, values: list[str]
) -> None:
    shown = await staff.get(CALLS)
    for wrong in values:
        refused = await staff.submit(shown, {**NEW_CALL, field: wrong})
        assert (refused.status, list(refused.errors)) == (422, [field]), wrong
        assert {**refused.typed(), field: "", "csrf_token": ""}.items() >= {
            **NEW_CALL,
            field: "",
        }.items()


async def test_a_counterpart_is_added_once_and_similar_ones_on_purpose(staff: Visitor) -> None:
    name = f"Mogale {staff.client.cookies['lang']}"
    shown = await staff.get(ABROAD)
    assert (await staff.submit(shown, {"name": name, "country": "ZA"})).status == 303
    again = await staff.submit(shown, {"name": name, "country": "ZA"})
    assert (again.status, again.typed()["name"]) == (409, name)
    similar = {"name": f"{name} City", "country": "ZA"}
    asked = await staff.submit(shown, similar)
    assert asked.status == 409
    assert asked.html.select("input[name=anyway]")
    assert (await staff.submit(asked, {**similar, "anyway": "true"})).status == 303
    assert f"{name} City" in (await staff.get(ABROAD)).text


@pytest.mark.parametrize(
    ("field", "values"),
    [("name", ["", "x" * 201, "Lusaka\nCity"]), ("country", ["", "SE", "EU", "XX", "zm", "ZMB"])],
)
async def test_a_bad_counterpart_gets_a_message_at_its_field(
    staff: Visitor, field: str, values: list[str]
) -> None:
    shown = await staff.get(ABROAD)
    for wrong in values:
        refused = await staff.submit(shown, {"name": "Lusaka", "country": "ZM", field: wrong})
        assert (refused.status, list(refused.errors)) == (422, [field]), wrong
