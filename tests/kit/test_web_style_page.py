"""The style page in a real browser: every component, both languages, both schemes, both widths."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn
from samband_kit.testing import eventually

from tests.browser.browsing import (
    LANGUAGES,
    NARROW,
    WIDE,
    Language,
    Scheme,
    any_chromium,
    visit,
)
from tests.kit.web_sample import sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser
    from samband_kit.testing import Backing


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with any_chromium() as found:
        yield found


@pytest.fixture(scope="module")
async def address(backing: Backing) -> AsyncIterator[str]:
    """The sample app, listening."""
    async with sample(backing, human_seconds=0) as web:
        config = uvicorn.Config(web.app, port=0, log_config=None, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())

        async def started() -> bool:
            return server.started

        await eventually(started)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await serving


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_style_page_may_be_shown_to_people(
    browser: Browser, address: str, language: Language, width: int, scheme: Scheme
) -> None:
    async with visit(browser, address, language, width, scheme) as seen:
        await seen.open("/stil")
        assert await seen.faults(language) == []
        await seen.photograph(f"stil-{language}-{width}-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_errors_take_the_focus_and_lead_to_the_field(
    browser: Browser, address: str, width: int, scheme: Scheme
) -> None:
    async with visit(browser, address, "sv", width, scheme) as seen:
        await seen.open("/stil")
        await seen.page.fill("#field-email", "anna@")
        await seen.page.click("form[action='/stil'] button.primary")
        assert (await seen.page.title()).startswith("Fel: ")
        assert await seen.page.evaluate("document.activeElement.className") == "error-summary"
        seen.complaints.clear()  # Chromium's own line about the 422
        assert await seen.faults("sv") == []
        await seen.photograph(f"stil-fel-{width}-{scheme}")
        await seen.page.click("a[href='#field-email']")
        assert await seen.page.evaluate("document.activeElement.id") == "field-email"
        assert await seen.page.input_value("#field-email") == "anna@"


async def test_everything_to_press_is_44_pixels_high(browser: Browser, address: str) -> None:
    async with visit(browser, address, "sv", NARROW) as seen:
        await seen.open("/stil")
        low = await seen.page.evaluate("""
            () => [...document.querySelectorAll('button, .button, input:not([type=hidden]), select, nav a, header a')]
              .filter(e => !e.closest('.trap') && !e.closest('.choice') && e.getClientRects().length)
              .filter(e => e.getBoundingClientRect().height < 44)
              .map(e => e.outerHTML)
        """)
        assert low == []


async def test_the_first_stop_of_the_keyboard_is_the_way_to_the_content(
    browser: Browser, address: str
) -> None:
    async with visit(browser, address, "sv", WIDE) as seen:
        await seen.open("/stil")
        await seen.page.keyboard.press("Tab")
        assert await seen.page.inner_text(":focus") == "Hoppa till innehållet"
        box = await seen.page.locator(":focus").bounding_box()
        assert box is not None
        assert box["y"] >= 0
        await seen.page.keyboard.press("Enter")
        assert await seen.page.evaluate("document.activeElement.id") == "content"


async def test_our_own_font_is_used(browser: Browser, address: str) -> None:
    async with visit(browser, address, "sv", WIDE) as seen:
        await seen.open("/stil")
        assert await seen.page.evaluate("document.fonts.check('16px \"Source Sans 3\"')")
        loaded = await seen.page.evaluate(
            "[...document.fonts].filter(f => f.status === 'loaded').length"
        )
        assert loaded >= 1


async def test_on_paper_there_is_only_what_one_carries_to_a_meeting(
    browser: Browser, address: str
) -> None:
    async with visit(browser, address, "sv", WIDE) as seen:
        await seen.open("/stil")
        await seen.page.emulate_media(media="print")
        for left_out in (".button", ".breadcrumb", ".language", ".skip"):
            assert not await seen.page.locator(left_out).first.is_visible()
        assert await seen.page.locator("table").is_visible()
        await seen.photograph("stil-papper")


async def test_the_server_does_not_log_what_the_last_resort_kept_to_itself(
    address: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{address}/broken")).status_code == 500
    assert "anna@falun.se" not in caplog.text + "".join(capfd.readouterr())
