"""The JSON API: the same commands for programs, and problem details for what cannot be."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from samband_contracts.values import Role
from samband_kit.ids import new_id
from samband_kit.testing import Backing

from tests.networks.stage import Person, Stage, accepted, municipality, opened, stage

MEETING: dict[str, Any] = {
    "kind": "kickoff",
    "title": {"sv": "Uppstartsmöte", "en": "Kickoff"},
    "agenda": {"sv": "Vi ses", "en": "We meet"},
    "date": "2031-02-11",
    "starts": "10:00",
    "ends": "11:30",
    "zone": "Europe/Stockholm",
    "form": "digital",
    "digital_link": "https://rum.example/kickoff",
}


@pytest.fixture(scope="module")
async def on(backing: Backing) -> AsyncIterator[Stage]:
    async with stage(backing) as running:
        yield running


@pytest.fixture(scope="module")
async def person(on: Stage) -> AsyncIterator[Person]:
    async with on.person(await on.hire(Role.COORDINATOR)) as somebody:
        yield somebody


def network(**fields: object) -> dict[str, object]:
    return {"name": {"sv": f"Nätverk {new_id()}", "en": "Network"}, **fields}


async def created(person: Person, **fields: object) -> str:
    answer = await person.call("POST", "/api/networks", network(**fields))
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def test_a_program_goes_the_coordinators_way(on: Stage, person: Person) -> None:
    call_id = new_id()
    falun = accepted(call_id, municipality("Falu kommun"), municipality("Mogale City", "ZA"))
    await on.hear(opened(call_id), falun)
    path = await created(person, call_id=str(call_id), capacity=16)
    for step, state in (("announce", "announced"), ("open", "open")):
        moved = (await person.call("POST", f"{path}/{step}")).json()
        assert moved["state"] == state
    assert moved["allowed"] == ["launch", "cancel"]
    members = (await person.get(f"{path}/members")).json()["members"]
    assert [(one["organisation"]["name"], one["representatives"]) for one in members] == [
        ("Falu kommun", 1),
        ("Mogale City", 0),
    ]
    made = await person.call("POST", f"{path}/meetings", MEETING)
    assert made.status_code == 201
    meeting = made.headers["location"]
    changed = await person.call("PUT", meeting, {**MEETING, "ends": "12:00"})
    assert changed.json()["ends_at"] == "2031-02-11T11:00:00Z"
    published = await person.call("POST", f"{meeting}/publish")
    assert published.json()["state"] == "scheduled"
    when = {key: MEETING[key] for key in ("date", "starts", "ends", "zone", "digital_link")}
    moved = await person.call("POST", f"{meeting}/reschedule", {**when, "date": "2031-02-18"})
    assert moved.json()["revision"] == 1
    assert (await person.call("POST", f"{meeting}/hold")).status_code == 409
    cancelled = await person.call("POST", f"{meeting}/cancel")
    assert cancelled.json()["allowed"] == []
    assert [one["state"] for one in (await person.get(f"{path}/meetings")).json()["meetings"]] == [
        "cancelled"
    ]
    leave = f"{path}/members/{members[1]['membership_id']}/leave"
    assert (await person.call("POST", leave)).json()["state"] == "left"
    assert (await person.get(f"{path}/tasks")).json() == {"tasks": []}


async def test_the_same_key_is_the_same_command(person: Person) -> None:
    key, body = str(new_id()), network()
    answers = [await person.call("POST", "/api/networks", body, key=key) for _ in range(2)]
    assert len({answer.headers["location"] for answer in answers}) == 1
    other = await person.call("POST", "/api/networks", network(), key=key)
    assert other.status_code == 409
    assert other.json()["type"] == "urn:samband:problem:key-reused"
    path = answers[0].headers["location"]
    for _ in range(2):
        assert (await person.call("POST", f"{path}/announce", key=key + "")).status_code == 409
    same = str(new_id())
    for _ in range(2):
        assert (await person.call("POST", f"{path}/announce", key=same)).status_code == 200


async def test_the_list_is_read_page_by_page(person: Person) -> None:
    mine = [await created(person) for _ in range(3)]
    seen: list[str] = []
    path = "/api/networks?limit=2&state=planned"
    for _ in range(50):
        page = (await person.get(path)).json()
        seen += [f"/api/networks/{one['network_id']}" for one in page["networks"]]
        if page["next"] is None:
            break
        path = f"/api/networks?limit=2&state=planned&after={page['next']}"
    assert seen[:3] == mine[::-1]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "Nätverk"}, "name"),
        ({"name": {"sv": "Nätverk"}}, "name.en"),
        ({"name": {"sv": "Nätverk", "en": "x" * 121}}, "name.en"),
        ({"name": {"sv": "Nät\nverk", "en": "Network"}}, "name.sv"),
        ({"name": {"sv": "Nätverk", "en": "Network", "fi": "Verkko"}}, "name.fi"),
        (network(round=0), "round"),
        (network(round="många"), "round"),
        (network(round=[]), "round"),
        (network(capacity=1.5), "capacity"),
        (network(call_id="x"), "call_id"),
        (network(call_id=str(UUID(int=7))), "call_id"),
        (network(coordinator_id=str(UUID(int=7))), "coordinator_id"),
        (network(state="running"), "state"),
    ],
)
async def test_a_wrong_network_is_a_problem_with_its_field(
    person: Person, body: dict[str, object], field: str
) -> None:
    answer = await person.call("POST", "/api/networks", body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:samband:problem:field-errors"
    assert field in [error["field"] for error in problem["errors"]]
    assert all(error["message"] for error in problem["errors"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *(({name: None}, name) for name in MEETING if name != "digital_link"),
        ({"kind": "party"}, "kind"),
        ({"title": {"sv": "", "en": "Kickoff"}}, "title.sv"),
        ({"agenda": {"sv": "Vi ses", "en": "x" * 4001}}, "agenda.en"),
        ({"date": 1924617600}, "date"),
        ({"date": "2031-02-30"}, "date"),
        ({"date": "2020-02-03"}, "date"),
        ({"starts": 36000}, "starts"),
        ({"starts": "24:00"}, "starts"),
        ({"ends": "10:00"}, "ends"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"form": "physical"}, "digital_link"),
        ({"digital_link": None}, "digital_link"),
        ({"digital_link": "ftp://rum.example"}, "digital_link"),
        ({"starts_at": "2031-02-11T10:00:00Z"}, "starts_at"),
    ],
)
async def test_a_wrong_meeting_is_a_problem_with_its_field(
    person: Person, changes: dict[str, object], field: str
) -> None:
    path = await created(person)
    answer = await person.call("POST", f"{path}/meetings", {**MEETING, **changes})
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]


async def test_what_is_not_json_or_not_ours_is_refused(person: Person) -> None:
    post = person.client.post
    headers = {"X-CSRF-Token": person.csrf, "Idempotency-Key": str(new_id())}
    json = {**headers, "Content-Type": "application/json"}
    for content, sent, status in (
        (b"{", json, 422),
        (b"", json, 422),
        (b"[]", json, 422),
        (b'{"name": NaN}', json, 422),
        (b"[" * 20_000, json, 400),
        (b'"' + b"x" * 1_000_000 + b'"', json, 413),
        (b"name=x", {**headers, "Content-Type": "text/plain"}, 422),
    ):
        answer = await post("/api/networks", content=content, headers=sent)
        assert answer.status_code == status, (content[:20], answer.text[:300])
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await post("/api/networks", json=network())).status_code == 403
    without_key = {"X-CSRF-Token": person.csrf}
    answer = await post("/api/networks", json=network(), headers=without_key)
    assert answer.json()["type"] == "urn:samband:problem:no-idempotency-key"


async def test_unknown_ids_and_steps_are_not_found(person: Person) -> None:
    path = await created(person)
    some = UUID(int=7)
    for method, target in (
        ("GET", f"/api/networks/{some}"),
        ("GET", "/api/networks/x"),
        ("GET", f"/api/networks/{some}/members"),
        ("GET", f"/api/networks/{some}/tasks"),
        ("GET", f"{path}/meetings/{some}"),
        ("POST", f"{path}/fly"),
        ("POST", f"/api/networks/{some}/announce"),
        ("POST", f"{path}/meetings/{some}/publish"),
        ("POST", f"{path}/members/{some}/leave"),
        ("POST", f"{path}/tasks/{some}/done"),
    ):
        answer = await person.call(method, target)
        assert answer.status_code == 404, target
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_refused_step_names_the_possible_ones(person: Person) -> None:
    answer = await person.call("POST", f"{await created(person)}/open")
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:samband:problem:transition-refused"
    assert "announce, cancel" in answer.json()["detail"]
