"""CSRF: what changes something must come from a page of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from samband_contracts.values import Role

from tests.kit.web_sample import Sample, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing

ANSWERS = {"email": "anna@falun.se"}


@pytest.fixture(scope="module")
async def shared(backing: Backing) -> AsyncIterator[Sample]:
    async with sample(backing) as made:
        yield made


@pytest.fixture
async def web(shared: Sample) -> AsyncIterator[Sample]:
    """Each test has a browser of its own."""
    async with shared.stranger() as client:
        yield replace(shared, client=client)


async def test_a_form_with_its_pages_token_is_read(web: Sample) -> None:
    assert (await web.post("/form", ANSWERS)).status_code == 200


@pytest.mark.parametrize("token", [None, "", "0" * 64, "å" * 64])
async def test_a_form_without_the_right_token_does_nothing(web: Sample, token: str | None) -> None:
    await web.token()
    data = ANSWERS if token is None else {**ANSWERS, "csrf_token": token}
    answer = await web.client.post("/form", data=data, headers={"accept": "text/html"})
    assert answer.status_code == 403
    assert "ladda om sidan" in answer.text


async def test_another_visitors_token_is_worth_nothing(web: Sample) -> None:
    await web.token()
    async with web.stranger() as other:
        theirs = await web.token(other)
    answer = await web.client.post("/form", data={**ANSWERS, "csrf_token": theirs})
    assert answer.status_code == 403


async def test_a_token_without_the_cookie_is_worth_nothing(web: Sample) -> None:
    token = await web.token()
    async with web.stranger() as other:
        answer = await other.post("/form", data={**ANSWERS, "csrf_token": token})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "http://samband.test.evil.example"},
        {"origin": "https://samband.test"},
    ],
)
async def test_a_request_from_another_site_is_refused_even_with_the_token(
    web: Sample, headers: dict[str, str]
) -> None:
    answer = await web.post("/form", ANSWERS, **headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"sec-fetch-site": "none"},
        {"origin": "null"},
        {"origin": "http://samband.test"},
    ],
)
async def test_what_browsers_say_of_our_own_pages_passes(
    web: Sample, headers: dict[str, str]
) -> None:
    assert (await web.post("/form", ANSWERS, **headers)).status_code == 200


async def test_the_api_takes_the_token_as_a_header(web: Sample) -> None:
    await web.enter(await web.new_account(Role.STAFF))
    refused = await web.client.post("/api/staff", json={})
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:samband:problem:page-too-old"
    token = await web.token()
    taken = await web.client.post("/api/staff", json={}, headers={"x-csrf-token": token})
    assert taken.status_code == 200


async def test_the_api_without_a_session_needs_no_token(web: Sample) -> None:
    answer = await web.client.post("/api/things", json={"name": "Anna", "count": 1})
    assert answer.status_code == 200


async def test_signing_in_makes_the_old_token_worthless(web: Sample) -> None:
    before = await web.token()
    await web.enter(await web.new_account(Role.STAFF))
    answer = await web.client.post("/form", data={**ANSWERS, "csrf_token": before})
    assert answer.status_code == 403
    assert await web.token() != before


async def test_tokens_outlive_a_change_of_keys(backing: Backing) -> None:
    old, new = "o" * 40, "n" * 40
    async with sample(backing, secret_keys=old) as before:
        token = await before.token()
        cookies = before.client.cookies
        async with sample(backing, secret_keys=f"{new},{old}") as after:
            after.client.cookies = cookies
            answer = await after.client.post("/form", data={**ANSWERS, "csrf_token": token})
            assert answer.status_code == 200
