"""Nothing typed is lost: what a form held when its token or its session had ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from bs4 import BeautifulSoup, Tag
from samband_contracts.values import Role

from tests.kit.web_sample import Sample, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing

OURS = {"sec-fetch-site": "same-origin", "accept": "text/html"}
ANSWERS = {
    "email": "anna@falun.se",
    "message": "Första raden\n<b>Andra</b>",
    "themes": ["water", "culture"],
}


@pytest.fixture(scope="module")
async def shared(backing: Backing) -> AsyncIterator[Sample]:
    async with sample(backing) as made:
        yield made


@pytest.fixture(params=["sv", "en"])
async def web(request: pytest.FixtureRequest, shared: Sample) -> AsyncIterator[Sample]:
    """Each test has a browser of its own."""
    async with shared.stranger() as client:
        client.cookies.set("lang", request.param)
        yield replace(shared, client=client)


def says(web: Sample, swedish: str, english: str) -> str:
    return swedish if web.client.cookies["lang"] == "sv" else english


def shown_again(answer: httpx.Response) -> tuple[str, dict[str, list[str]]]:
    """Where the page's own form goes, and what it would send."""
    form = BeautifulSoup(answer.text, "html.parser").select_one("main form")
    assert isinstance(form, Tag), answer.text
    fields: dict[str, list[str]] = {}
    for field in form.select("input"):
        fields.setdefault(str(field["name"]), []).append(str(field["value"]))
    return str(form["action"]), fields


async def test_a_form_whose_token_has_expired_can_be_sent_again(web: Sample) -> None:
    await web.token()
    sent = {**ANSWERS, "csrf_token": "expired"}
    refused = await web.client.post("/form?a=1&b=2", data=sent, headers=OURS)
    assert refused.status_code == 403
    assert says(web, "Skicka igen", "Send again") in refused.text
    assert "&lt;b&gt;Andra&lt;/b&gt;" in refused.text
    action, fields = shown_again(refused)
    assert action == "/form?a=1&b=2"
    assert fields["csrf_token"] != ["expired"]
    accepted = await web.client.post(action, data=fields, headers=OURS)
    assert accepted.status_code == 200
    assert accepted.json()["themes"] == ["water", "culture"]
    assert accepted.json()["message"] == ANSWERS["message"]


async def test_the_keys_against_sending_twice_are_kept(web: Sample) -> None:
    await web.token()
    keys = {"idempotency_key": "0198f2a4-0000-7000-8000-000000000000", "form_token": "abc"}
    refused = await web.client.post("/form/once", data=keys, headers=OURS)
    action, fields = shown_again(refused)
    assert fields["form_token"] == ["abc"]
    accepted = await web.client.post(action, data=fields, headers=OURS)
    assert accepted.text == keys["idempotency_key"]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "none"},
        {},
    ],
)
async def test_what_may_come_from_elsewhere_is_not_carried_on(
    web: Sample, headers: dict[str, str]
) -> None:
    await web.token()
    refused = await web.client.post("/form", data=ANSWERS, headers=headers)
    assert refused.status_code == 403
    assert "anna@falun.se" not in refused.text
    assert "<form" not in refused.text


async def test_who_was_signed_out_meanwhile_is_told_and_can_copy_the_text(web: Sample) -> None:
    who = await web.new_account(Role.STAFF)
    await web.enter(who)
    token = await web.token()
    await web.pool.execute("update accounts set epoch = 2 where account_id = $1", who.account_id)
    refused = await web.client.post(
        "/form", data={**ANSWERS, "csrf_token": token}, headers={**OURS, "origin": "null"}
    )
    assert refused.status_code == 401
    assert says(web, "Du har blivit utloggad", "You have been signed out") in refused.text
    assert "Första raden\n&lt;b&gt;Andra&lt;/b&gt;" in refused.text
    assert not BeautifulSoup(refused.text, "html.parser").select("main form")


async def test_a_browser_without_cookies_is_told_so(web: Sample) -> None:
    token = await web.token()
    language = web.client.cookies["lang"]
    async with web.stranger() as blocked:
        refused = await blocked.post(
            "/form",
            data={**ANSWERS, "csrf_token": token},
            headers={**OURS, "accept-language": language},
        )
        assert refused.status_code == 403
        told = says(web, "Din webbläsare sparar inte kakor", "Your browser does not keep cookies")
        assert told in refused.text
        action, fields = shown_again(refused)
        accepted = await blocked.post(action, data=fields, headers=OURS)
        assert accepted.status_code == 200


async def test_the_body_limit_holds_for_what_is_carried_on(web: Sample) -> None:
    await web.token()
    refused = await web.client.post("/form", data={"message": "x" * 70_000}, headers=OURS)
    assert refused.status_code == 413
