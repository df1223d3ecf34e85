"""The harness sees what it is there to see: a page with every fault is found out."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.browser.browsing import NARROW, any_chromium, visit

FAULTY = """
<!doctype html><html lang="en"><title>Faulty</title>
<h1 style="color: #ddd; background: #fff">Hardly to be read</h1><h1>Twice</h1>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="><form><input name="a"></form>
<div style="width: 500px">wide</div>
<script>console.error("complained"); throw new Error("broken")</script>
"""


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with any_chromium() as found:
        yield found


async def test_a_faulty_page_is_found_out(browser: Browser) -> None:
    async with visit(browser, "about:blank", "sv", NARROW) as visited:
        await visited.page.set_content(FAULTY)
        found = "\n".join(await visited.faults("sv"))
    for fault in (
        "color-contrast",
        "image-alt",
        "label",
        "188 px can only be seen by scrolling sideways",
        "the page says that it is in en",
        "2 main headings",
        "console: complained",
        "script: broken",
    ):
        assert fault in found


async def test_a_sound_page_has_no_faults(browser: Browser) -> None:
    async with visit(browser, "about:blank", "en", NARROW) as visited:
        await visited.page.set_content(
            '<!doctype html><html lang="en"><title>Sound</title><main><h1>Sound</h1></main>'
        )
        assert await visited.faults("en") == []
