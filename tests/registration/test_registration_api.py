"""The JSON API: what it takes, what it refuses, and that problems are RFC 9457."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from samband_kit.ids import new_id
from samband_kit.testing import Backing

from tests.registration.register import LUND, Register, register
from tests.registration.visitor import Visitor, visitor

NEW_CALL = {
    "title": {"sv": "Miljö", "en": "Environment"},
    "opens_at": "2031-02-11T10:00:00+01:00",
    "closes_at": "2031-03-11T10:00:00+01:00",
    "zone": "Europe/Stockholm",
}


@pytest.fixture(scope="module")
async def here(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing, human_seconds=0) as made:
        yield made


@pytest.fixture
async def anybody(here: Register) -> AsyncIterator[Visitor]:
    await here.pool.execute("truncate registrations cascade")
    async with visitor(here, language="en") as somebody:
        yield somebody


@pytest.fixture
async def staff(anybody: Visitor) -> Visitor:
    await anybody.sign_in()
    return anybody


async def new_registration(who: Visitor, **changed: object) -> dict[str, Any]:
    token = (await who.call("GET", "/form-token")).json()["form_token"]
    return {
        "organisation_id": str(LUND),
        "name": "Kim Lind",
        "email": "kim@lund.example",
        "language": "sv",
        "counterpart": "undecided",
        "theme": "undecided",
        "form_token": token,
        **changed,
    }


async def send(who: Visitor, body: object, key: str | None = None) -> httpx.Response:
    call_id = who.here.call.call_id
    return await who.call("POST", f"/calls/{call_id}/registrations", body, key=key)


def is_problem(answer: httpx.Response, status: int) -> bool:
    """Whether it is problem details of this status, with what support needs."""
    body = answer.json()
    return (
        answer.status_code == status == body["status"]
        and answer.headers["content-type"].startswith("application/problem+json")
        and body["type"].startswith("urn:samband:problem:")
    )


async def test_anybody_finds_organisations_calls_and_themes(anybody: Visitor) -> None:
    found = (await anybody.call("GET", "/organisations?q=Amal")).json()
    assert found[0]["organisation"]["name"] == "Åmåls kommun"
    by_code = (await anybody.call("GET", "/organisations?code=2080")).json()
    assert [one["organisation"]["name"] for one in by_code] == ["Falu kommun"]
    falun = by_code[0]["organisation"]
    one = await anybody.call("GET", f"/organisations/{falun['organisation_id']}")
    assert one.json() == falun
    calls = (await anybody.call("GET", "/calls")).json()
    assert [call["is_open"] for call in calls] == [True]
    assert (await anybody.call("GET", f"/calls/{calls[0]['call_id']}")).json() == calls[0]
    assert len((await anybody.call("GET", "/themes")).json()) == 8


@pytest.mark.parametrize("path", [f"/organisations/{UUID(int=1)}", f"/calls/{UUID(int=1)}"])
async def test_what_does_not_exist_is_a_problem(anybody: Visitor, path: str) -> None:
    assert is_problem(await anybody.call("GET", path), 404)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=x", "limit=1e309", "country=sverige", "code=%00", "q=" + "x" * 201],
)
async def test_a_strange_search_is_a_problem(anybody: Visitor, query: str) -> None:
    assert is_problem(await anybody.call("GET", f"/organisations?{query}"), 422)


async def test_a_registration_is_received_once_per_key(anybody: Visitor) -> None:
    body, key = await new_registration(anybody), str(new_id())
    first, second = [await send(anybody, body, key) for _ in range(2)]
    assert (first.status_code, first.json()) == (202, second.json())
    assert await anybody.here.pool.fetchval("select count(*) from registrations") == 1
    other = await send(anybody, {**body, "name": "Other"}, key)
    assert is_problem(other, 409)


BAD: dict[str, list[object]] = {
    "organisation_id": ["x", str(UUID(int=1)), 1, None],
    "name": ["", "x" * 121, "Kim\nLind", 1, None, "\u202e"],
    "email": ["", "kim", "kim@lund.se\r\nBcc: a@b.se", 1, "a@b.se,c@d.se"],
    "language": ["de", "", 1],
    "counterpart": ["x", str(LUND), str(UUID(int=1)), None],
    "theme": ["football", "", "x" * 65, 1],
    "message": ["x" * 2001, "\x00", 1, None],
    "form_token": ["", "x", None],
    "website": ["https://spam.example"],
    "state": ["accepted"],
}


@pytest.mark.parametrize("field", BAD)
async def test_bad_input_is_a_problem_at_its_field(anybody: Visitor, field: str) -> None:
    body = await new_registration(anybody)
    for wrong in BAD[field]:
        refused = await send(anybody, {**body, field: wrong})
        assert is_problem(refused, 422), (wrong, refused.text)
        named = {"organisation_id": "organisation"}.get(field, field)
        if field not in ("form_token", "website"):
            assert named in refused.text
    left_out = {name: value for name, value in body.items() if name != field}
    if field in ("message", "website", "state"):
        return
    assert is_problem(await send(anybody, left_out), 422)


async def test_what_is_no_json_of_ours_is_a_problem(anybody: Visitor) -> None:
    path = f"/api/registration/calls/{anybody.here.call.call_id}/registrations"
    for content, kind in (
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"\xff", "application/json"),
        (b"name=Kim", "text/plain"),
        (b'{"a":' * 5000, "application/json"),
    ):
        refused = await anybody.client.post(path, content=content, headers={"content-type": kind})
        assert is_problem(refused, 422) or is_problem(refused, 400), content[:10]
    large = await anybody.client.post(path, json={"message": "x" * 1_000_000})
    assert is_problem(large, 413)


async def test_a_registration_needs_a_key_and_an_open_call(anybody: Visitor) -> None:
    body = await new_registration(anybody)
    assert is_problem(await send(anybody, body, "no uuid"), 422)
    missing = await anybody.call("POST", f"/calls/{UUID(int=1)}/registrations", body)
    assert is_problem(missing, 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/registrations"),
        ("GET", f"/registrations/{UUID(int=1)}"),
        ("POST", f"/registrations/{UUID(int=1)}/accept"),
        ("POST", "/organisations"),
        ("POST", "/calls"),
    ],
)
async def test_strangers_are_refused_what_is_staffs(
    anybody: Visitor, method: str, path: str
) -> None:
    assert is_problem(await anybody.call(method, path, {} if method == "POST" else None), 401)


async def test_staff_answer_a_registration(staff: Visitor) -> None:
    made = await staff.here.confirmed()
    path = f"/registrations/{made}"
    assert (await staff.call("GET", path)).json()["allowed"] == ["open"]
    refused = await staff.call("POST", f"{path}/accept")
    assert is_problem(refused, 409)
    assert "open" in refused.text
    assert (await staff.call("POST", f"{path}/open")).json()["state"] == "in_dialogue"
    key = str(new_id())
    answers = [await staff.call("POST", f"{path}/accept", key=key) for _ in range(2)]
    assert [answer.json()["state"] for answer in answers] == ["accepted"] * 2
    assert is_problem(await staff.call("POST", f"{path}/decline", key=key), 409)
    assert is_problem(await staff.call("POST", f"{path}/nonsense"), 404)
    assert is_problem(await staff.call("GET", f"/registrations/{UUID(int=1)}"), 404)


async def test_staff_page_through_the_list(staff: Visitor) -> None:
    made = {str(await staff.here.submitted()) for _ in range(3)}
    first = (await staff.call("GET", "/registrations?limit=2")).json()
    second = (await staff.call("GET", f"/registrations?limit=2&after={first['after']}")).json()
    seen = [row["registration_id"] for row in (*first["rows"], *second["rows"])]
    assert (set(seen), len(seen), second["after"]) == (made, 3, None)
    assert (await staff.call("GET", "/registrations?state=accepted")).json()["count"] == 0
    assert is_problem(await staff.call("GET", "/registrations?state=nonsense"), 422)
    assert "kim" not in (await staff.call("GET", "/registrations")).text.lower()


async def test_a_session_alone_is_not_enough(staff: Visitor) -> None:
    made = await staff.here.confirmed()
    path = f"/api/registration/registrations/{made}/open"
    forged = await staff.client.post(path, headers={"Idempotency-Key": str(new_id())})
    assert is_problem(forged, 403)
    assert await staff.here.state(made) == "submitted"


async def test_staff_open_a_call_once_per_key(staff: Visitor) -> None:
    key = str(new_id())
    made = [await staff.call("POST", "/calls", NEW_CALL, key=key) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json() == made[1].json()
    await staff.here.pool.execute("delete from calls where title_sv = 'Miljö'")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("title", {"sv": "x"}),
        ("title", {"sv": "x", "en": "a\nb"}),
        ("opens_at", "2031-02-11T10:00:00"),
        ("opens_at", "9999-99-99"),
        ("opens_at", "0001-01-01T00:00:00+14:00"),
        ("closes_at", "9999-12-31T23:59:59-14:00"),
        ("closes_at", "2020-01-01T00:00:00Z"),
        ("zone", "Mars/Olympus"),
        ("places", 3),
    ],
)
async def test_a_bad_call_is_a_problem(staff: Visitor, field: str, wrong: object) -> None:
    assert is_problem(await staff.call("POST", "/calls", {**NEW_CALL, field: wrong}), 422)


async def test_staff_add_a_counterpart_once(staff: Visitor) -> None:
    new = {"name": "Lobatse", "country": "BW"}
    added = await staff.call("POST", "/organisations", new)
    assert (added.status_code, added.json()["kind"]) == (201, "foreign_local_government")
    assert is_problem(await staff.call("POST", "/organisations", new), 409)
    similar = {"name": "Lobatse Town", "country": "BW"}
    assert is_problem(await staff.call("POST", "/organisations", similar), 409)
    anyway = await staff.call("POST", "/organisations", {**similar, "anyway": True})
    assert anyway.status_code == 201
    for wrong in ({"country": "SE"}, {"country": "Botswana"}, {"name": ""}, {"code": "1"}):
        assert is_problem(await staff.call("POST", "/organisations", {**new, **wrong}), 422)
