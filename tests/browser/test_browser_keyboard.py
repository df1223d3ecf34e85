"""Interest can be registered with nothing but a keyboard."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page
from samband_local.stack import Stack
from samband_local.story.play import HUMAN_SECONDS

from tests.browser.browsing import LANGUAGES, WIDE, Language, any_chromium, visit

MUNICIPALITY = {"sv": "Arvika", "en": "Borgholm"}
MOST_TABS = 60

# Where the focus is must be seen: a ring, in a colour that is there.
RING = """() => {
    const style = getComputedStyle(document.activeElement);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
}"""


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with any_chromium() as found:
        yield found


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_keyboard_alone_leads_from_the_start_page_to_the_receipt(
    browser: Browser, stack: Stack, language: Language
) -> None:
    async with visit(browser, stack.url, language, WIDE) as visited:
        page = visited.page
        await visited.open("/")
        await page.keyboard.press("Tab")
        assert await page.evaluate("() => document.activeElement.matches('a.skip')")
        await press(page, "main a[href^='/anmalan/']")
        await write(page, "organisation", MUNICIPALITY[language])
        await press(page, "main button.primary")
        # Sent too early: the summary has the focus, and leads to the field.
        await press(page, "main button.primary")
        assert await page.evaluate("() => document.activeElement.matches('.error-summary')")
        await reach(page, ".error-summary a[href='#field-name']")
        await page.keyboard.press("Enter")
        assert await page.evaluate("() => document.activeElement.name === 'name'")
        await page.keyboard.type("Åsa Öberg")
        await write(page, "email", f"keyboard-{language}@kommun.example")
        await press(page, "main button.primary")
        await choose(page, "theme")
        await press(page, "main button.primary")
        await page.wait_for_timeout(HUMAN_SECONDS * 1000)
        await press(page, "main button.primary")
        assert "/anmalan/mottagen/" in page.url
        assert visited.complaints == []


async def reach(page: Page, selector: str) -> None:
    """Tab on until the focus is on what `selector` finds, and can be seen there."""
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        if await page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            assert await page.evaluate(RING), f"nobody sees that {selector} has the focus"
            return
    raise AssertionError(f"{selector} cannot be reached with the Tab key")


async def press(page: Page, selector: str) -> None:
    """Enter, on a link or a button, and wait for the page that it leads to."""
    await reach(page, selector)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def write(page: Page, name: str, text: str) -> None:
    await reach(page, f"[name={name}]")
    await page.keyboard.type(text)


async def choose(page: Page, name: str) -> None:
    """The first of some radio buttons."""
    await reach(page, f"[name={name}]")
    await page.keyboard.press("Space")
