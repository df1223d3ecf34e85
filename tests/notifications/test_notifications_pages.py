"""What staff see of deliveries, and what they can do about them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from bs4 import BeautifulSoup
from samband_contracts.organisations import OrganisationDescribed
from samband_contracts.values import Role
from samband_kit.ids import new_id
from samband_kit.testing import Backing

from tests.notifications.counter import Visitor, visiting
from tests.notifications.post_office import (
    LUND,
    PostOffice,
    a_backlog,
    a_contact,
    erased,
    post_office,
    received,
)


@asynccontextmanager
async def a_delivery(
    backing: Backing, state: str = "queued", reason: str | None = None
) -> AsyncIterator[tuple[PostOffice, str]]:
    """One confirmation mail to Anna Ek in this state, and its page's address."""
    contact = a_contact()
    async with post_office(backing) as office:
        await office.hear(
            OrganisationDescribed(organisation=LUND), contact, received(contact.contact_id)
        )
        delivery_id = await office.pool.fetchval(
            "update deliveries set state = $1, reason = $2, detail = '550 no',"
            " due_at = case when $1 = 'queued' then due_at end returning delivery_id",
            state,
            reason,
        )
        yield office, f"/utskick/{delivery_id}"


async def text_of(visitor: Visitor, path: str) -> str:
    answer = await visitor.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(BeautifulSoup(answer.text, "html.parser").get_text(" ").split())


async def test_the_list_names_mail_person_and_state_but_no_address(backing: Backing) -> None:
    async with a_delivery(backing) as (office, _), visiting(office) as visitor:
        shown = await text_of(visitor, "/utskick")
        assert "Bekräfta adressen Till Anna Ek, Lunds kommun Läge i kö" in shown
        assert "1 utskick" in shown
        assert "@" not in shown


async def test_the_list_is_filtered_by_its_address(backing: Backing) -> None:
    async with a_delivery(backing, "failed", "refused") as (office, _), visiting(office) as visitor:
        for query, found in (
            ("", True),
            ("?tillstand=failed", True),
            ("?tillstand=sent", False),
            ("?mejl=confirm_registration", True),
            ("?mejl=invitation", False),
            ("?tillstand=failed&mejl=invitation", False),
            ("?tillstand=nonsense&mejl=nonsense", True),
        ):
            shown = await text_of(visitor, f"/utskick{query}")
            assert ("Anna Ek" in shown) == found, query
            assert ("Inget utskick är sådant." in shown) != found, query


async def test_an_empty_list_says_why(backing: Backing) -> None:
    async with post_office(backing) as office, visiting(office) as visitor:
        assert "Nothing has been sent yet." in await text_of(visitor, "/utskick?lang=en")


async def test_the_list_is_paged_by_key(backing: Backing) -> None:
    async with post_office(backing) as office, visiting(office) as visitor:
        await a_backlog(office, 70)
        seen: list[str] = []
        path: str | None = "/utskick"
        while path:
            page = BeautifulSoup((await visitor.get(path)).text, "html.parser")
            seen += [str(link["href"]) for link in page.select("table a")]
            older = page.select_one("a[rel=next]")
            path = str(older["href"]) if older else None
        assert len(seen) == len(set(seen)) == 70


async def test_a_delivery_shows_its_history_and_what_can_be_done(backing: Backing) -> None:
    async with (
        a_delivery(backing, "held", "no_reply") as (office, page),
        visiting(office) as visitor,
    ):
        shown = await text_of(visitor, page)
        assert "väntar på beslut · Mejlservern svarade inte. Mejlet kan ha kommit fram." in shown
        assert "Gäller LUN-4711" in shown
        assert "Skicka det igen" in shown
        assert "Skicka det inte" in shown
        assert "anna@" not in shown


@pytest.mark.parametrize("state", ["failed", "held", "uncertain"])
async def test_staff_can_send_it_again(backing: Backing, state: str) -> None:
    async with (
        a_delivery(backing, state, "no_reply") as (office, page),
        visiting(office) as visitor,
    ):
        answer = await visitor.press(page, "/skicka-igen")
        assert answer.status_code == 303
        assert answer.headers["location"] == page
        assert await office.states() == {
            "confirm_registration anna@lund.example": "queued: by_staff"
        }
        step = await office.pool.fetchrow("select actor_id, state from delivery_steps")
        assert step is not None
        assert tuple(step) == (visitor.account_id, "queued")
        audited = await office.pool.fetchrow("select operator, command from operator_audit")
        assert audited is not None
        assert tuple(audited) == (f"account {visitor.account_id}", "delivery queue-again")


@pytest.mark.parametrize("state", ["held", "uncertain"])
async def test_staff_can_give_it_up_with_a_reason(backing: Backing, state: str) -> None:
    async with (
        a_delivery(backing, state, "no_reply") as (office, page),
        visiting(office) as visitor,
    ):
        answer = await visitor.press(page, "/ge-upp", note="Vi ringde i stället")
        assert answer.status_code == 303
        assert list((await office.states()).values()) == ["failed: by_staff"]
        assert "Vi ringde i stället" in await text_of(visitor, page)
        assert [fact["outcome"] for fact in await office.settled()] == ["failed"]


async def test_giving_up_needs_a_reason(backing: Backing) -> None:
    async with (
        a_delivery(backing, "held", "no_reply") as (office, page),
        visiting(office) as visitor,
    ):
        answer = await visitor.press(page, "/ge-upp", note=" ")
        assert answer.status_code == 422
        assert "<title>Fel:" in answer.text
        assert "Skriv varför det inte ska skickas." in answer.text
        assert list((await office.states()).values()) == ["held: no_reply"]


async def test_a_double_click_has_one_effect(backing: Backing) -> None:
    async with (
        a_delivery(backing, "held", "no_reply") as (office, page),
        visiting(office) as visitor,
    ):
        path, key = f"/api/notifications/deliveries/{page.split('/')[-1]}", str(new_id())
        for _ in range(2):
            answer = await visitor.call(f"{path}/queue-again", key=key)
            assert answer.status_code == 204
        assert await office.pool.fetchval("select count(*) from delivery_steps") == 1


async def test_a_decision_that_comes_too_late_is_refused(backing: Backing) -> None:
    async with a_delivery(backing, "sent") as (office, page), visiting(office) as visitor:
        path = f"/api/notifications/deliveries/{page.split('/')[-1]}"
        answer = await visitor.call(f"{path}/give-up", {"note": "x"})
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:samband:problem:decided-already"


async def test_an_erased_person_leaves_no_trace_on_the_page(backing: Backing) -> None:
    contact = a_contact()
    async with post_office(backing) as office, visiting(office) as visitor:
        await office.hear(contact, received(contact.contact_id), erased(contact))
        shown = await text_of(visitor, "/utskick")
        assert "Raderad person" in shown
        assert "Anna" not in shown


async def test_the_api_lists_and_shows_without_personal_data(backing: Backing) -> None:
    async with (
        a_delivery(backing, "failed", "refused") as (office, page),
        visiting(office) as visitor,
    ):
        listed = (await visitor.get("/api/notifications/deliveries?state=failed")).json()
        (one,) = listed["deliveries"]
        assert (one["template"], one["state"], one["reason"]) == (
            "confirm_registration",
            "failed",
            "refused",
        )
        assert listed["next"] is None
        shown = await visitor.get(f"/api/notifications/deliveries/{one['delivery_id']}")
        assert shown.json()["detail"] == "550 no"
        assert "Anna" not in shown.text
        assert "anna" not in shown.text
        assert page.endswith(one["delivery_id"])


async def test_what_does_not_exist_is_said_clearly(backing: Backing) -> None:
    async with post_office(backing) as office, visiting(office) as visitor:
        for path, status in (
            (f"/utskick/{UUID(int=0)}", 404),
            ("/utskick/nonsense", 404),
            ("/utskick?efter=nonsense", 422),
            (f"/api/notifications/deliveries/{UUID(int=0)}", 404),
            ("/api/notifications/deliveries?state=nonsense", 422),
            ("/api/notifications/deliveries?template=%00", 422),
            ("/api/notifications/deliveries?template=nonsense", 422),
            ("/api/notifications/deliveries?limit=0", 422),
            ("/api/notifications/deliveries?limit=101", 422),
        ):
            answer = await visitor.get(path)
            assert answer.status_code == status, path
            kind = "application/problem+json" if path.startswith("/api") else "text/html"
            assert answer.headers["content-type"].startswith(kind)


async def test_only_staff_get_in(backing: Backing) -> None:
    async with a_delivery(backing, "held", "no_reply") as (office, page):
        for role in (None, Role.COORDINATOR, Role.CONTACT_PERSON):
            async with visiting(office, role) as visitor:
                api = f"/api/notifications/deliveries/{page.split('/')[-1]}"
                refused = 401 if role is None else 403
                for path in ("/utskick", page, "/api/notifications/deliveries", api):
                    assert (await visitor.get(path)).status_code == refused, path
                for path in (f"{api}/queue-again", f"{api}/give-up"):
                    answer = await visitor.call(path, {"note": "x"})
                    assert answer.status_code == refused, path
        assert list((await office.states()).values()) == ["held: no_reply"]
