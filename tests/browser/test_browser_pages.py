"""Every page, opened by Chromium in both languages, on a phone and on a desk.

Each walk presses the buttons that people press, on the system with the story
played on it, and looks at every page on its way: nothing serious for axe-core,
no scrolling sideways, no complaint on the console, the right language.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, StorageState
from samband_local.stack import Stack
from samband_local.story.mail import Inbox
from samband_local.story.play import HUMAN_SECONDS

from tests.browser.browsing import (
    NARROW,
    WIDE,
    Language,
    Scheme,
    Visit,
    any_chromium,
    visit,
)
from tests.end_to_end.playing import told

# Both schemes get both languages and both widths without every page being opened eight times.
READERS: list[tuple[Language, int, Scheme]] = [
    ("sv", NARROW, "light"),
    ("sv", WIDE, "dark"),
    ("en", NARROW, "dark"),
    ("en", WIDE, "light"),
]
MUNICIPALITY = {
    ("sv", NARROW): "Kiruna",
    ("sv", WIDE): "Haparanda",
    ("en", NARROW): "Vara",
    ("en", WIDE): "Ystad",
}
CONTINUE = "main form[method=post] button.primary"
WRONG = {"sv": "Fel: ", "en": "Error: "}


@dataclass
class Reader:
    """Somebody with a browser, and what they have found wrong so far."""

    visit: Visit
    language: Language
    width: int
    scheme: Scheme
    found: list[str] = field(default_factory=list)

    @property
    def municipality(self) -> str:
        return MUNICIPALITY[self.language, self.width]

    async def look(self, name: str) -> None:
        """Look at the page as it stands, and keep a picture of it."""
        self.found += [f"{name}: {fault}" for fault in await self.visit.faults(self.language)]
        self.visit.complaints.clear()
        await self.visit.photograph(f"{name}-{self.language}-{self.width}-{self.scheme}")

    async def open(self, address: str, name: str, *, expect: int = 200) -> None:
        await self.visit.open(address, expect=expect)
        await self.look(name)

    async def press(self, selector: str, name: str) -> None:
        """Follow the first link, or press the first button, that `selector` finds."""
        await self.visit.page.locator(selector).first.click()
        await self.look(name)

    async def press_too_early(self, name: str) -> None:
        """Send a form that is not filled in; the page's title says that something is wrong."""
        await self.press(CONTINUE, name)
        if not (await self.visit.page.title()).startswith(WRONG[self.language]):
            self.found.append(f"{name}: the title does not say that something is wrong")

    async def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            await self.visit.page.fill(f"[name={name}]", value)

    async def choose(self, name: str, value: str) -> None:
        await self.visit.page.check(f"[name={name}][value={value}]")


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with any_chromium() as found:
        yield found


@pytest.fixture(scope="module")
async def played(stack: Stack) -> Stack:
    """The system with the story behind it, so that lists and pages have content."""
    assert (await told(stack)).differences == []
    return stack


@pytest.fixture(scope="module")
async def staff(browser: Browser, played: Stack) -> StorageState:
    """The cookies of one who has signed in as staff."""
    async with visit(browser, played.url, "sv", WIDE) as visited:
        await visited.open(played.staff_link())
        await visited.page.click(CONTINUE)
        return await visited.page.context.storage_state()


@pytest.fixture(params=READERS, ids=lambda reader: "-".join(map(str, reader)))
async def reader(
    browser: Browser, played: Stack, request: pytest.FixtureRequest
) -> AsyncIterator[Reader]:
    """Anybody."""
    language, width, scheme = request.param
    async with visit(browser, played.url, language, width, scheme) as visited:
        yield Reader(visited, language, width, scheme)


@pytest.fixture(params=READERS, ids=lambda reader: "-".join(map(str, reader)))
async def officer(
    browser: Browser, played: Stack, staff: StorageState, request: pytest.FixtureRequest
) -> AsyncIterator[Reader]:
    """One of ICLD's staff, signed in."""
    language, width, scheme = request.param
    async with visit(browser, played.url, language, width, scheme, staff) as visited:
        yield Reader(visited, language, width, scheme)


async def test_the_way_from_the_start_page_to_a_withdrawn_registration(
    reader: Reader, stack: Stack
) -> None:
    address = f"{reader.municipality.lower()}@kommun.example"
    await reader.open("/", "start")
    await reader.press("main a[href^='/anmalan/']", "form-organisation")
    await reader.press_too_early("form-organisation-wrong")
    await reader.fill(organisation="Lun")
    await reader.press(CONTINUE, "form-which")
    await reader.choose("organisation_id", "again")
    await reader.press(CONTINUE, "form-organisation-again")
    await register(reader, address)
    letter = await mail(stack, address, "confirm_registration")
    await reader.open(letter, "confirm")
    await reader.press(CONTINUE, "own-registration")
    await reader.press("main a[href$='/aterkalla']", "withdraw")
    await reader.press("main button.danger", "withdrawn")
    assert reader.found == []


async def register(reader: Reader, address: str) -> None:
    """From the first step's form to the receipt."""
    await reader.fill(organisation=reader.municipality)
    await reader.press(CONTINUE, "form-contact")
    await reader.press_too_early("form-contact-wrong")
    await reader.fill(name="Åsa Öberg", email=address)
    await reader.choose("language", reader.language)
    await reader.press(CONTINUE, "form-partnership")
    await reader.press_too_early("form-partnership-wrong")
    await reader.choose("theme", "undecided")
    await reader.press(CONTINUE, "form-check")
    await reader.visit.page.wait_for_timeout(HUMAN_SECONDS * 1000)
    await reader.press(CONTINUE, "receipt")


async def mail(stack: Stack, address: str, template: str) -> str:
    """The link to confirm with, from the newest mail."""
    async with Inbox(stack.mailbox_url, [address]) as inbox:
        return (await inbox.wait_for(address, template)).link("/bekrafta")


async def test_what_is_said_when_something_is_not_there(reader: Reader, stack: Stack) -> None:
    await reader.open("/finns-inte", "not-found", expect=404)
    await reader.open("/bekrafta/no-such-token", "link-wrong", expect=404)
    await reader.open("/handlaggning/anmalningar", "not-signed-in", expect=401)
    await reader.open(stack.staff_link(), "sign-in")
    await reader.open("/stil", "style")
    assert reader.found == []


async def test_what_staff_see(officer: Reader) -> None:
    first = "main tbody a"
    await officer.open("/handlaggning/anmalningar", "registrations")
    await officer.open("/handlaggning/anmalningar?q=ingen-alls", "registrations-none")
    await officer.open("/handlaggning/utlysningar", "calls")
    await officer.open("/handlaggning/organisationer", "organisations")
    await officer.open("/handlaggning/anmalningar", "registrations")
    await officer.press(first, "registration")
    await officer.open("/natverk/nytt", "network-new")
    await officer.press_too_early("network-new-wrong")
    await officer.open("/natverk", "networks")
    await officer.press(first, "network")
    network = officer.visit.page.url
    await officer.press("main a[href*='/steg/']", "network-step")
    await officer.open(network, "network")
    await officer.press("main a[href*='/medlemmar/']", "member")
    await officer.open(f"{network}/moten/nytt", "meeting-new")
    await officer.press_too_early("meeting-new-wrong")
    await officer.open(network, "network")
    await officer.press("main tbody a[href*='/moten/']", "meeting")
    meeting = officer.visit.page.url
    await officer.open(f"{meeting}/andra", "meeting-move")
    await officer.open(f"{meeting}/stall-in", "meeting-cancel")
    await officer.open("/utskick", "mailings")
    await officer.press(first, "mailing")
    assert officer.found == []
