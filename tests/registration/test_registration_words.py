"""One thing has one name, and a passage in the other language says which it is."""

import re
from collections.abc import AsyncIterator

import pytest
from samband_kit.testing import Backing

from tests.registration.register import Register, register
from tests.registration.visitor import visitor

LIST = "/handlaggning/anmalningar"


@pytest.fixture(scope="module")
async def here(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing, human_seconds=0) as made:
        yield made


async def test_the_other_side_is_called_counterpart_in_swedish(here: Register) -> None:
    async with visitor(here) as somebody:
        await somebody.sign_in()
        made = await here.confirmed()
        for shown in (
            await somebody.get("/"),
            await somebody.check_page(),
            await somebody.get(LIST),
            await somebody.get(f"{LIST}/{made}"),
            await somebody.get(f"/min-anmalan/{somebody.link('registration', made)}"),
        ):
            assert "otpart" in shown.text
            assert not re.search(r"\bpartners?\b", shown.text, re.IGNORECASE)


async def test_the_states_are_called_by_words_that_exist(here: Register) -> None:
    first, second = await here.confirmed(), await here.confirmed()
    async with visitor(here) as somebody:
        await somebody.sign_in()
        assert "Liknar anmälan" in (await somebody.get(f"{LIST}/{second}")).text
        await here.pool.execute(
            "update registrations set state = 'declined' where registration_id = $1", first
        )
        assert "Fick nej" in (await somebody.get(f"{LIST}/{first}")).text


async def test_the_names_of_languages_say_which_language_they_are(here: Register) -> None:
    async with visitor(here) as somebody:
        refused = await somebody.check_page(email="")
        assert [one.get_text() for one in refused.html.select("label span[lang=en]")] == ["English"]
        checked = await somebody.check_page(language="en")
        assert [one.get_text() for one in checked.html.select("dd [lang=en]")] == ["English"]
