"""One shown form is one registration: its token is spent when it is accepted."""

from collections.abc import AsyncIterator

import pytest
from samband_kit.ids import new_id
from samband_kit.testing import Backing

from tests.registration.register import LUND, Register, register
from tests.registration.visitor import Visitor, visitor


@pytest.fixture(scope="module")
async def here(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing, human_seconds=0) as made:
        yield made


@pytest.fixture
async def somebody(here: Register) -> AsyncIterator[Visitor]:
    await here.pool.execute("truncate registrations cascade")
    async with visitor(here) as made:
        yield made


async def count(who: Visitor) -> int:
    found: int = await who.here.pool.fetchval("select count(*) from registrations")
    return found


async def test_a_form_is_accepted_once_and_comes_back_new(somebody: Visitor) -> None:
    shown = await somebody.check_page()
    typed = shown.typed()
    assert (await somebody.submit(shown)).status == 303
    assert (await somebody.submit(shown)).status == 303
    assert await count(somebody) == 1
    again = await somebody.submit(shown, {"idempotency_key": str(new_id())})
    assert (again.status, await count(somebody)) == (422, 1)
    assert "Formuläret har redan skickats." in again.text
    assert again.typed()["form_token"] != typed["form_token"]
    assert (await somebody.submit(again)).status == 303
    assert await count(somebody) == 2


async def test_a_refused_form_spends_nothing(somebody: Visitor) -> None:
    shown = await somebody.check_page()
    wrong = await somebody.submit(shown, {"theme": "football"})
    assert (wrong.status, await count(somebody)) == (422, 0)
    trapped = await somebody.submit(shown, {"website": "x"})
    assert (trapped.status, await count(somebody)) == (422, 0)
    assert (await somebody.submit(shown)).status == 303


async def test_a_token_of_the_api_is_good_for_one_registration(somebody: Visitor) -> None:
    path = f"/calls/{somebody.here.call.call_id}/registrations"
    body = {
        "organisation_id": str(LUND),
        "name": "Kim Lind",
        "email": "kim@once.example",
        "language": "sv",
        "counterpart": "undecided",
        "theme": "undecided",
        "form_token": (await somebody.call("GET", "/form-token")).json()["form_token"],
    }
    key = str(new_id())
    assert (await somebody.call("POST", path, {**body, "theme": "football"})).status_code == 422
    answers = [await somebody.call("POST", path, body, key=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    other = await somebody.call("POST", path, body)
    assert other.json()["type"] == "urn:samband:problem:form-sent-before"
    assert (other.status_code, await count(somebody)) == (422, 1)
