"""Personal links and limits: signed, bounded, spent once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from samband_kit.errors import TooMany
from samband_kit.ids import new_id
from samband_kit.web.limits import spend, spend_attempt
from samband_kit.web.links import LinkExpired, LinkInvalid, Links

from tests.kit.web_sample import Sample, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
async def web(backing: Backing) -> AsyncIterator[Sample]:
    async with sample(backing) as made:
        yield made


def with_keys(web: Sample, keys: str) -> Links:
    return Links(web.settings.__class__(**{**web.settings.model_dump(), "secret_keys": keys}))


async def test_a_link_says_whom_it_is_for_until_when(web: Sample) -> None:
    links, who = Links(web.settings), new_id()
    link = links.verify("sample", links.sign("sample", who, HOUR))
    assert link.id == who


async def test_two_links_to_the_same_thing_differ(web: Sample) -> None:
    links, who = Links(web.settings), new_id()
    assert links.sign("sample", who, HOUR) != links.sign("sample", who, HOUR)


async def test_a_link_for_one_purpose_is_none_for_another(web: Sample) -> None:
    links = Links(web.settings)
    with pytest.raises(LinkInvalid):
        links.verify("sign-in", links.sign("sample", new_id(), HOUR))


async def test_an_expired_link_says_so(web: Sample) -> None:
    links = Links(web.settings)
    with pytest.raises(LinkExpired):
        links.verify("sample", links.sign("sample", new_id(), -HOUR))


@pytest.mark.parametrize("token", ["", ".", "x", "a.b", "å", "\ud800", "x" * 5000, "AAAA.AAAA"])
async def test_anything_else_is_no_link(web: Sample, token: str) -> None:
    with pytest.raises(LinkInvalid):
        Links(web.settings).verify("sample", token)


async def test_every_changed_letter_breaks_a_link(web: Sample) -> None:
    links = Links(web.settings)
    token = links.sign("sample", new_id(), HOUR)
    assert len(token) == 92
    for place in range(0, len(token) - 1, 7):
        changed = token[:place] + ("B" if token[place] != "B" else "C") + token[place + 1 :]
        with pytest.raises(LinkInvalid):
            links.verify("sample", changed)


async def test_links_outlive_a_change_of_keys_and_end_with_the_old_key(web: Sample) -> None:
    old, new = "o" * 40, "n" * 40
    token = with_keys(web, old).sign("sample", new_id(), HOUR)
    with_keys(web, f"{new},{old}").verify("sample", token)
    with pytest.raises(LinkInvalid):
        with_keys(web, new).verify("sample", token)


async def test_a_single_use_link_works_once_also_when_opened_twice_at_once(web: Sample) -> None:
    token = Links(web.settings).sign("sample", new_id(), HOUR)
    answers = await asyncio.gather(*(web.client.get(f"/link/{token}") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410, 410]
    assert "Länken har redan använts." in answers[-1].text or answers[-1].status_code == 200


async def test_a_broken_link_says_what_to_do(web: Sample) -> None:
    answer = await web.client.get("/link/broken", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "Kopiera hela adressen från mejlet, eller be om en ny länk." in answer.text


async def test_the_third_visit_in_a_minute_is_too_much(backing: Backing) -> None:
    async with sample(backing) as web, web.stranger("198.51.100.7") as visitor:
        answers = [await visitor.get("/limited") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert "Vänta en stund och försök sedan igen." in answers[-1].text
        async with web.stranger("198.51.101.7") as elsewhere:
            assert (await elsewhere.get("/limited")).status_code == 200
        await web.pool.execute("update rate_limits set expires_at = now() - interval '1 second'")
        assert (await visitor.get("/limited")).status_code == 200


async def test_neighbours_share_a_bucket_and_no_address_is_stored(backing: Backing) -> None:
    async with sample(backing) as web:
        for address in ("203.0.113.1", "203.0.113.250", "::ffff:203.0.113.9"):
            async with web.stranger(address) as visitor:
                last = await visitor.get("/limited")
        assert last.status_code == 429
        for address in ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"):
            async with web.stranger(address) as visitor:
                last = await visitor.get("/limited")
        assert last.status_code == 200
        buckets = await web.pool.fetch("select bucket from rate_limits")
        assert len(buckets) == 3
        assert not any("203" in bucket["bucket"][:12] for bucket in buckets)


async def test_a_forwarded_address_from_just_anybody_counts_for_nothing(backing: Backing) -> None:
    async with sample(backing) as web:
        for number in range(3):
            headers = {"x-forwarded-for": f"10.1.{number}.1"}
            async with web.stranger("198.51.100.8", **headers) as visitor:
                last = await visitor.get("/limited")
        assert last.status_code == 429


async def test_uses_at_the_same_moment_are_all_counted(backing: Backing) -> None:
    async with sample(backing) as web, web.stranger("198.51.100.9") as visitor:
        answers = await asyncio.gather(*(visitor.get("/limited") for _ in range(12)))
        assert [answer.status_code for answer in answers].count(200) == 2


async def test_only_an_attempt_does_not_wait_for_the_disk(web: Sample) -> None:
    waits = "select current_setting('synchronous_commit')"
    async with web.pool.acquire() as conn, conn.transaction():
        await spend(conn, "mails", limit=1, per=HOUR)
        assert await conn.fetchval(waits) == "on"
        with pytest.raises(TooMany):
            await spend(conn, "mails", limit=1, per=HOUR)
    for _ in range(20):
        await spend_attempt(web.pool, "attempts", limit=20, per=HOUR)
        assert await web.pool.fetchval(waits) == "on"
    with pytest.raises(TooMany):
        await spend_attempt(web.pool, "attempts", limit=20, per=HOUR)
