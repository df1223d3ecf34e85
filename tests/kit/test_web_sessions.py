"""Sessions: they begin, go on, and end when they must."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import itsdangerous
import pytest
from samband_contracts.values import Role

from tests.kit.web_sample import Sample, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing

HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
async def shared(backing: Backing) -> AsyncIterator[Sample]:
    async with sample(backing) as made:
        yield made


@pytest.fixture
async def web(shared: Sample) -> AsyncIterator[Sample]:
    """Each test has a browser of its own."""
    async with shared.stranger() as client:
        yield replace(shared, client=client)


def turn_back(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Sign as if it were `by` ago."""
    real = itsdangerous.TimestampSigner.get_timestamp

    def earlier(signer: itsdangerous.TimestampSigner) -> int:
        return real(signer) - int(by.total_seconds())

    monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", earlier)


async def test_without_a_session_the_page_says_how_to_get_one(web: Sample) -> None:
    answer = await web.client.get("/staff", headers=HTML)
    assert answer.status_code == 401
    assert "Du behöver logga in för att se sidan." in answer.text
    assert answer.headers["www-authenticate"] == "Session"


async def test_a_signed_in_person_sees_the_page_and_the_menu(web: Sample) -> None:
    await web.enter(await web.new_account(Role.STAFF))
    answer = await web.client.get("/staff")
    assert answer.status_code == 200
    assert 'href="/handlaggning/anmalningar"' in answer.text
    assert 'action="/logga-ut"' in answer.text


async def test_the_wrong_role_is_not_allowed(web: Sample) -> None:
    await web.enter(await web.new_account(Role.COORDINATOR))
    answer = await web.client.get("/staff", headers=HTML)
    assert answer.status_code == 403
    assert "Ditt konto har inte tillgång till sidan." in answer.text
    assert 'href="/natverk"' in answer.text
    assert 'href="/utskick"' not in answer.text


async def test_a_role_taken_away_ends_at_once(web: Sample) -> None:
    who = await web.new_account(Role.STAFF)
    await web.enter(who)
    await web.pool.execute("update accounts set roles = '{}' where account_id = $1", who.account_id)
    assert (await web.client.get("/staff")).status_code == 403


@pytest.mark.parametrize(
    "change", ["epoch = 2", "active = false", "account_id = gen_random_uuid()"]
)
async def test_a_raised_epoch_or_a_closed_account_ends_the_session(
    web: Sample, change: str
) -> None:
    who = await web.new_account(Role.STAFF)
    await web.enter(who)
    await web.pool.execute(f"update accounts set {change} where account_id = $1", who.account_id)
    assert (await web.client.get("/staff")).status_code == 401


async def test_a_session_newer_than_the_news_of_its_account_is_good(web: Sample) -> None:
    who = await web.new_account(Role.STAFF)
    await web.pool.execute("update accounts set epoch = 5 where account_id = $1", who.account_id)
    await web.enter(who)
    await web.pool.execute("update accounts set epoch = 4 where account_id = $1", who.account_id)
    assert (await web.client.get("/staff")).status_code == 200


async def test_signing_out_ends_the_session_in_this_browser(web: Sample) -> None:
    await web.enter(await web.new_account(Role.STAFF))
    await web.post("/leave", {})
    assert (await web.client.get("/staff")).status_code == 401


async def test_half_an_hour_without_a_request_ends_it(
    web: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as clock:
        turn_back(clock, timedelta(minutes=31))
        await web.enter(await web.new_account(Role.STAFF))
    assert (await web.client.get("/staff")).status_code == 401


async def test_each_request_prolongs_it(web: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as clock:
        turn_back(clock, timedelta(minutes=29))
        await web.enter(await web.new_account(Role.STAFF))
    answer = await web.client.get("/staff")
    assert answer.status_code == 200
    assert answer.headers["set-cookie"].startswith("session=")


async def test_twelve_hours_end_it_in_any_case(
    web: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    await web.enter(await web.new_account(Role.STAFF))
    monkeypatch.setattr("samband_kit.web.sessions.ABSOLUTE", timedelta(seconds=0))
    assert (await web.client.get("/staff")).status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "å", "x" * 5000, "eyJzdWIiOiIxIn0.aaaa.bbbb"])
async def test_a_made_up_cookie_is_as_good_as_none(web: Sample, cookie: str) -> None:
    async with web.stranger() as other:
        raw = f"session={cookie}".encode("latin-1")
        answer = await other.get("/staff", headers=[(b"cookie", raw)])
    assert answer.status_code == 401


async def test_a_cookie_signed_for_something_else_is_as_good_as_none(web: Sample) -> None:
    await web.enter(await web.new_account(Role.STAFF))
    token = (await web.client.get("/form")).text.split('name="form_token" value="')[1].split('"')[0]
    web.client.cookies.set("session", token, domain="samband.test")
    async with web.stranger() as other:
        answer = await other.get("/staff", headers={"cookie": f"session={token}"})
    assert answer.status_code == 401


async def test_sessions_outlive_a_change_of_keys_and_end_with_the_old_key(
    backing: Backing,
) -> None:
    old, new = "o" * 40, "n" * 40
    async with sample(backing, secret_keys=old) as before:
        who = await before.new_account(Role.STAFF)
        await before.enter(who)
        for keys, status in ((f"{new},{old}", 200), (new, 401)):
            async with sample(backing, secret_keys=keys) as after:
                await after.pool.execute(
                    "insert into accounts (account_id, roles, epoch, active) values ($1, $2, 1, true)",
                    who.account_id,
                    ["staff"],
                )
                after.client.cookies = before.client.cookies
                assert (await after.client.get("/staff")).status_code == status


async def test_a_stranger_costs_no_query(backing: Backing) -> None:
    async with sample(backing) as web:
        await web.pool.close()
        assert (await web.client.get("/form")).status_code == 200
