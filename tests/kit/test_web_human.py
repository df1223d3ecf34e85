"""Human check: quick to pass for people, a hurdle for scripts, and nothing typed is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import itsdangerous
import pytest

from tests.kit.web_sample import Sample, hidden, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing


@pytest.fixture(scope="module")
async def web(backing: Backing) -> AsyncIterator[Sample]:
    async with sample(backing) as made:
        yield made


def shown_ago(web: Sample, ago: timedelta, action: str = "sample") -> str:
    """The token that a page would have got `ago`."""
    from samband_kit.web.signing import timestamp_signer

    class Earlier(itsdangerous.TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - int(ago.total_seconds())

    signer = timestamp_signer(web.settings, f"form.{action}")
    signer.__class__ = Earlier
    return signer.sign("x").decode()


async def send(web: Sample, form_token: str, **more: str) -> tuple[int, str]:
    answers = {"email": "anna@falun.se", "form_token": form_token, **more}
    answer = await web.post("/form/human", answers)
    return answer.status_code, answer.text


async def test_a_person_passes(web: Sample) -> None:
    assert await send(web, shown_ago(web, timedelta(seconds=10))) == (200, "human")


async def test_too_quick_is_told_and_what_was_typed_stays(web: Sample) -> None:
    status, text = await send(web, shown_ago(web, timedelta(0)), name="Anna Öberg")
    assert status == 422
    assert "Vänta några sekunder och skicka igen." in text
    assert 'value="Anna Öberg"' in text


async def test_after_waiting_the_same_page_passes(web: Sample) -> None:
    shown = await web.client.get("/stil")
    token = hidden(shown, "form_token")
    again = await web.client.post(
        "/stil", data={"csrf_token": hidden(shown, "csrf_token"), "form_token": token}
    )
    assert hidden(again, "form_token") == token


async def test_the_field_that_people_never_see_stays_empty(web: Sample) -> None:
    token = shown_ago(web, timedelta(seconds=10))
    status, text = await send(web, token, website="http://spam.example")
    assert status == 422
    assert "spam.example" not in text


@pytest.mark.parametrize("token", ["", "made.up.token", "\u00e5"])
async def test_a_page_that_we_never_showed_is_refused(web: Sample, token: str) -> None:
    status, _text = await send(web, token)
    assert status == 422


async def test_a_page_from_yesterday_comes_again_with_a_new_token(web: Sample) -> None:
    old = shown_ago(web, timedelta(hours=25))
    status, text = await send(web, old)
    assert status == 422
    assert "Sidan har varit öppen i mer än ett dygn." in text


async def test_a_token_for_another_form_is_refused(web: Sample) -> None:
    status, _text = await send(web, shown_ago(web, timedelta(seconds=10), action="other"))
    assert status == 422


async def test_the_minimum_time_is_a_setting(backing: Backing) -> None:
    async with sample(backing, human_seconds=0) as web:
        assert await send(web, shown_ago(web, timedelta(0))) == (200, "human")
