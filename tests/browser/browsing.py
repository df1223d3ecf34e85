"""A browser for the tests, and what every page is held to.

Everything is asynchronous: Playwright's other interface leaves a running event
loop behind, and every asyncio test after it fails.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Page,
    StorageState,
    async_playwright,
)

from tests.browser import chromium

Language: TypeAlias = Literal["sv", "en"]
Scheme: TypeAlias = Literal["light", "dark"]

NARROW, WIDE = 320, 1280
LANGUAGES: tuple[Language, ...] = ("sv", "en")
PHOTOGRAPHS = Path(__file__).parents[2] / ".cache/photographs"

# A page of the project asks no name server for anything.
QUIET = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
AXE = Axe()
SERIOUS = {"serious", "critical"}


@asynccontextmanager
async def any_chromium() -> AsyncIterator[Browser]:
    """A running Chromium; without one the test counts as not run."""
    async with async_playwright() as playwright:
        found = chromium.find(playwright.chromium.executable_path)
        if not found:
            pytest.skip(chromium.NONE)
        browser = await playwright.chromium.launch(executable_path=found, args=[QUIET])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visit:
    """One page of the browser, and everything it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    async def open(self, address: str, *, expect: int = 200) -> None:
        """Go there; an answer other than `expect` is a failure at once."""
        answer = await self.page.goto(address)
        assert answer is not None
        assert answer.status == expect, f"{address} answered {answer.status}"

    async def faults(self, language: Language) -> list[str]:
        """What is wrong with the page as it stands now; empty if it may be shown to people."""
        found = [*self.complaints, *await self._seen_by_axe()]
        beyond = await self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if beyond > 0:
            found.append(f"{beyond} px can only be seen by scrolling sideways")
        if (said := await self.page.get_attribute("html", "lang")) != language:
            found.append(f"the page says that it is in {said}")
        if (headings := await self.page.locator("h1").count()) != 1:
            found.append(f"{headings} main headings")
        return found

    async def photograph(self, name: str) -> None:
        """Keep a picture of the whole page, for people to look at."""
        PHOTOGRAPHS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PHOTOGRAPHS / f"{name}.png", full_page=True)

    async def _seen_by_axe(self) -> list[str]:
        # Injected by the debugger, so the page's own content policy stays as it is.
        answer = (await AXE.run(self.page)).response
        return [
            f"axe: {violation['impact']} {violation['id']}: {violation['help']}: {node['html']}"
            for violation in answer["violations"]
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]


@asynccontextmanager
async def visit(
    browser: Browser,
    base_url: str,
    language: Language,
    width: int,
    scheme: Scheme = "light",
    signed_in: StorageState | None = None,
) -> AsyncIterator[Visit]:
    """A new person with a browser of this width, who reads this language.

    `signed_in` are the cookies of a person who has signed in already.
    """
    context = await browser.new_context(
        storage_state=signed_in,
        base_url=base_url,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        locale="sv-SE" if language == "sv" else "en-GB",
        reduced_motion="reduce",
    )
    visited = Visit(await context.new_page())

    def hear(message: ConsoleMessage) -> None:
        # Chromium complains of every page that is a refusal (4xx), the wanted ones too.
        refused = "status of 4" in message.text and message.location["url"] == visited.page.url
        if message.type in {"error", "warning"} and not refused:
            visited.complaints.append(f"console: {message.text} ({message.location})")

    visited.page.on("console", hear)
    visited.page.on("pageerror", lambda error: visited.complaints.append(f"script: {error}"))
    visited.page.on(
        "requestfailed", lambda request: visited.complaints.append(f"not loaded: {request.url}")
    )
    try:
        yield visited
    finally:
        await context.close()
