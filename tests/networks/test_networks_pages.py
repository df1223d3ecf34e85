"""The coordinator's way through the pages, as a browser goes it."""

import asyncio
import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from bs4 import BeautifulSoup
from samband_contracts.values import Role
from samband_kit.ids import new_id
from samband_kit.testing import Backing
from samband_kit.web.app import rules, unguarded

from tests.networks.stage import Person, Stage, accepted, municipality, opened, sixteen, stage

NETWORK = {"name_sv": "Mänskliga rättigheter", "name_en": "Human rights", "round": "1"}
MEETING = {
    "kind": "kickoff",
    "title_sv": "Uppstartsmöte",
    "title_en": "Kickoff",
    "date": "2031-02-11",
    "starts": "10:00",
    "ends": "11.30",
    "zone": "Europe/Stockholm",
    "form": "digital",
    "digital_link": "https://rum.example/kickoff",
    "agenda_sv": "Vi lär känna varandra",
    "agenda_en": "We get to know each other",
}


@pytest.fixture
async def on(backing: Backing) -> AsyncIterator[Stage]:
    async with stage(backing) as running:
        yield running


def text(html: str) -> str:
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


async def planned(person: Person, **fields: str) -> str:
    answer = await person.submit("/natverk/nytt", {**NETWORK, **fields})
    assert answer.status_code == 303, text(answer.text)
    return answer.headers["location"]


async def stepped(person: Person, network: str, *steps: str) -> None:
    for step in steps:
        answer = await person.submit(f"{network}/steg/{step}", {})
        assert answer.status_code == 303, text(answer.text)


async def drafted(person: Person, network: str, **fields: str) -> str:
    answer = await person.submit(f"{network}/moten/nytt", {**MEETING, **fields})
    assert answer.status_code == 303, text(answer.text)
    return answer.headers["location"]


@pytest.mark.parametrize("language", ["sv", "en"])
async def test_from_a_planned_network_to_sixteen_invited(on: Stage, language: str) -> None:
    call_id = new_id()
    await on.hear(opened(call_id))
    await on.hear(*sixteen(call_id))
    async with on.person(await on.hire(Role.COORDINATOR), language=language) as person:
        form = text((await person.get("/natverk/nytt")).text)
        assert ("8 anmälningar väntar" if language == "sv" else "8 registrations wait") in form
        network = await planned(person, call_id=str(call_id), capacity="16")
        shown = text((await person.get(network)).text)
        assert (
            "16 organisationer i 4 länder" if language == "sv" else "16 organisations in 4"
        ) in shown
        assert "Åmåls kommun" in shown
        await stepped(person, network, "offentliggor", "oppna")
        meeting = await drafted(person, network)
        preview = text((await person.get(meeting)).text)
        if language == "sv":
            assert "16 organisationer bjuds in" in preview
            assert "8 organisationer har ingen kontaktperson ännu" in preview
            assert (
                "kl. 10.00–11.30, svensk tid 11.00 i Gaborone, Johannesburg och Lusaka" in preview
            )
        else:
            assert "16 organisations are invited" in preview
            assert "10:00–11:30, Swedish time 11:00 in Gaborone, Johannesburg and Lusaka" in preview
        published = await person.submit(meeting, {}, to=f"{meeting}/publicera")
        assert published.status_code == 303
    kinds = [kind for kind, _ in await on.told()]
    assert kinds[16:] == [
        "network.announced.v1",
        "network.opened.v1",
        "meeting.scheduled.v1",
        "invitation.issued.v1",
    ]


async def test_twenty_clicks_at_once_publish_once(on: Stage) -> None:
    async with on.person(await on.hire(Role.COORDINATOR)) as person:
        network = await planned(person)
        await stepped(person, network, "offentliggor")
        meeting = await drafted(person, network)
        same = str(new_id())
        clicks = [
            person.submit(meeting, {}, to=f"{meeting}/publicera", key=same) for _ in range(20)
        ]
        assert {answer.status_code for answer in await asyncio.gather(*clicks)} == {303}
    assert [kind for kind, _ in await on.told()].count("meeting.scheduled.v1") == 1


async def test_planning_twice_with_one_form_plans_once(on: Stage) -> None:
    async with on.person(await on.hire(Role.COORDINATOR)) as person:
        same = str(new_id())
        answers = [await person.submit("/natverk/nytt", NETWORK, key=same) for _ in range(2)]
        assert len({answer.headers["location"] for answer in answers}) == 1
        again = await person.submit("/natverk/nytt", NETWORK)
        assert again.status_code == 409
        assert "There is already a network with this name and round." in text(again.text)
        assert 'value="Mänskliga rättigheter"' in again.text


async def test_a_meeting_is_moved_and_cancelled_and_says_so(on: Stage) -> None:
    async with on.person(await on.hire(Role.COORDINATOR)) as person:
        network = await planned(person)
        await stepped(person, network, "offentliggor")
        meeting = await drafted(person, network)
        await person.submit(meeting, {}, to=f"{meeting}/publicera")
        form = (await person.get(f"{meeting}/andra")).text
        assert 'value="2031-02-11"' in form
        assert 'value="10:00"' in form
        moved = {
            "date": "2031-02-18",
            "starts": "09.00",
            "ends": "10.00",
            "zone": "Africa/Lusaka",
            "digital_link": "https://rum.example/other",
        }
        answer = await person.submit(f"{meeting}/andra", moved, to=f"{meeting}/flytta")
        assert answer.status_code == 303
        assert "18 February 2031 at 08:00–09:00, Swedish time" in text(
            (await person.get(meeting)).text
        )
        cancelled = await person.submit(f"{meeting}/stall-in", {})
        assert cancelled.status_code == 303
        refused = await person.submit(f"{meeting}/stall-in", {})
        assert refused.status_code in {409, 422}
    kinds = [kind for kind, _ in await on.told()]
    assert kinds[-4:] == [
        "meeting.rescheduled.v1",
        "invitation.revised.v1",
        "meeting.cancelled.v1",
        "invitation.withdrawn.v1",
    ]


async def test_a_draft_is_changed_without_anybody_being_told(on: Stage) -> None:
    async with on.person(await on.hire(Role.COORDINATOR)) as person:
        network = await planned(person)
        meeting = await drafted(person, network)
        changed = {**MEETING, "title_en": "A better title"}
        assert (await person.submit(f"{meeting}/andra", changed)).status_code == 303
        shown = text((await person.get(meeting)).text)
        assert "A better title" in shown
        assert "the network has to be announced" in shown
        refused = await person.submit(f"{network}/moten/nytt", MEETING, to=f"{meeting}/publicera")
        assert refused.status_code == 409
    assert await on.told() == []


async def test_a_step_that_is_not_possible_says_what_is(on: Stage) -> None:
    async with on.person(await on.hire(Role.COORDINATOR), language="sv") as person:
        network = await planned(person)
        page = await person.get(f"{network}/steg/starta")
        assert "Det går inte som nätverket är nu." in text(page.text)
        refused = await person.submit(
            f"{network}/steg/offentliggor", {}, to=f"{network}/steg/starta"
        )
        assert refused.status_code == 409
        assert "Offentliggör nätverket, Ställ in nätverket" in text(refused.text)


async def test_what_the_network_cannot_follow_stands_on_its_page_until_done(on: Stage) -> None:
    call_id = new_id()
    await on.hear(opened(call_id))
    async with on.person(await on.hire(Role.COORDINATOR), language="sv") as person:
        network = await planned(person, call_id=str(call_id), capacity="1")
        await on.hear(accepted(call_id, municipality("Falu kommun"), municipality("Mogale", "ZA")))
        shown = await person.get(network)
        assert "Mogale blev medlem fast alla platser var tagna." in text(shown.text)
        done = re.search(r'action="(/natverk/[^"]+/klar)"', shown.text)
        assert done
        assert (await person.submit(network, {}, to=done[1])).status_code == 303
        assert "Att ta hand om" not in text((await person.get(network)).text)


async def test_a_membership_is_ended_on_its_own_page(on: Stage) -> None:
    call_id = new_id()
    await on.hear(opened(call_id), accepted(call_id, municipality("Falu kommun")))
    async with on.person(await on.hire(Role.COORDINATOR)) as person:
        network = await planned(person, call_id=str(call_id))
        link = BeautifulSoup((await person.get(network)).text, "html.parser").find(
            "a", string="Falu kommun"
        )
        assert link is not None
        member = str(link["href"])
        assert (await person.submit(member, {}, to=f"{member}/avsluta")).status_code == 303
        assert "left" in text((await person.get(member)).text)
        again = await person.submit(f"{network}/steg/stall-in", {}, to=f"{member}/avsluta")
        assert again.status_code == 409
    assert [kind for kind, _ in await on.told()] == ["membership.joined.v1", "membership.left.v1"]


async def test_the_list_shows_what_waits_and_turns_its_pages(on: Stage) -> None:
    async with on.person(await on.hire(Role.COORDINATOR)) as person:
        assert "There is no network yet" in text((await person.get("/natverk")).text)
        for number in range(31):
            await planned(person, name_sv=f"Nätverk {number}", name_en=f"Network {number}")
        first = BeautifulSoup((await person.get("/natverk")).text, "html.parser")
        assert "31 networks" in first.get_text()
        older = first.find("a", rel="next")
        assert older is not None
        rest = text((await person.get(str(older["href"]))).text)
        assert "Network 0" in rest
        assert "Network 30" not in rest
        assert "No network has ended yet." in text(
            (await person.get("/natverk?visa=avslutade")).text
        )


async def test_a_coordinator_sees_but_does_not_change_what_others_lead(on: Stage) -> None:
    async with on.person(await on.hire(Role.COORDINATOR)) as owner:
        network = await planned(owner)
        meeting = await drafted(owner, network)
    async with on.person(await on.hire(Role.COORDINATOR)) as other:
        assert "What to do next" not in text((await other.get(network)).text)
        assert "Publish and invite" not in text((await other.get(meeting)).text)
        for page in (f"{network}/steg/offentliggor", f"{network}/moten/nytt", f"{meeting}/andra"):
            assert (await other.get(page)).status_code == 403
        for target in (f"{network}/steg/offentliggor", f"{meeting}/publicera"):
            assert (await other.submit("/natverk/nytt", {}, to=target)).status_code == 403
    assert await on.told() == []


@pytest.mark.parametrize("roles", [(), (Role.CONTACT_PERSON,)])
async def test_nobody_else_gets_in(on: Stage, roles: tuple[Role, ...]) -> None:
    actor = await on.hire(*roles) if roles else None
    status = 403 if actor else 401
    some = UUID(int=1)
    async with on.person(actor) as person:
        for path in (
            "/natverk",
            "/natverk/nytt",
            f"/natverk/{some}",
            f"/natverk/{some}/moten/{some}",
            "/api/networks",
            f"/api/networks/{some}/members",
        ):
            assert (await person.get(path)).status_code == status, path


async def test_every_route_has_a_rule(on: Stage) -> None:
    assert unguarded(on.app) == []
    both = frozenset({Role.STAFF, Role.COORDINATOR})
    ours = {
        route: roles
        for route, roles in rules(on.app).items()
        if re.search(r"natverk|networks", route)
    }
    assert len(ours) > 30
    assert set(ours.values()) == {both}
