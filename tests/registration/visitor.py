"""Somebody with a browser: follows the service's own pages and forms over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from uuid import UUID

import httpx
from bs4 import BeautifulSoup, Tag
from samband_kit.ids import new_id
from samband_kit.web.links import Links

from tests.registration.register import Register

ANSWERS = {
    "organisation": "Piteå",
    "name": "Kim Lind",
    "email": "kim.lind@pitea.example",
    "language": "sv",
    "counterpart": "undecided",
    "theme": "culture",
    "message": "Hej",
}


@dataclass(frozen=True)
class Page:
    """An answer, read as its reader reads it."""

    answer: httpx.Response

    @property
    def status(self) -> int:
        return self.answer.status_code

    @cached_property
    def html(self) -> BeautifulSoup:
        return BeautifulSoup(self.answer.text, "html.parser")

    @property
    def text(self) -> str:
        """All that can be read, in one line."""
        return " ".join(self.html.get_text(" ").split())

    @property
    def heading(self) -> str:
        found = self.html.h1
        return " ".join(found.get_text(" ").split()) if found else ""

    @property
    def title(self) -> str:
        return self.html.title.get_text() if self.html.title else ""

    @property
    def errors(self) -> dict[str, str]:
        """Field to the message that stands at it; the summary says the same."""
        found = {}
        for note in self.html.select(".field-error"):
            name = str(note["id"]).removeprefix("field-").removesuffix("-error")
            found[name] = str(note.find_all(string=True, recursive=False)[-1]).strip()
        summary = [link.get_text(strip=True) for link in self.html.select(".error-summary a")]
        assert sorted(summary) == sorted(found.values())
        assert (self.title.startswith(("Fel:", "Error:"))) == bool(
            self.html.select(".error-summary")
        )
        return found

    def typed(self) -> dict[str, str]:
        """What the form on the page would send."""
        form = self.html.select_one("main form[method=post]")
        return _fields(form) if form is not None else {}


@dataclass
class Visitor:
    """A browser with its cookies."""

    client: httpx.AsyncClient
    here: Register

    @property
    def speaks_english(self) -> bool:
        return self.client.cookies["lang"] == "en"

    async def get(self, path: str) -> Page:
        """Open a page."""
        return Page(await self.client.get(path))

    async def post(self, path: str, fields: dict[str, str] | None = None) -> Page:
        """Send a form to `path`, with the token that every page gives."""
        token = (await self.get("/stil")).html.select_one("input[name=csrf_token]")
        assert isinstance(token, Tag)
        return Page(
            await self.client.post(path, data={"csrf_token": str(token["value"]), **(fields or {})})
        )

    async def submit(
        self, shown: Page, fields: dict[str, str] | None = None, *, to: str | None = None
    ) -> Page:
        """Fill in the form of a page and press its button, or the one that leads `to`."""
        form = shown.html.select_one("main form[method=post]")
        assert isinstance(form, Tag), shown.text
        action = to or str(form["action"])
        return Page(await self.client.post(action, data={**_fields(form), **(fields or {})}))

    async def follow(self, shown: Page) -> Page:
        """Go where a redirect leads."""
        assert shown.status == 303, shown.text
        return await self.get(shown.answer.headers["location"])

    def form_path(self, step: str = "") -> str:
        """The address of the open call's form."""
        return f"/anmalan/{self.here.call.call_id}{step}"

    async def check_page(self, **changed: str) -> Page:
        """The page with all answers to check."""
        first = await self.get(self.form_path())
        return await self.submit(first, {**ANSWERS, **changed}, to=self.form_path("/granska"))

    def link(self, purpose: str, registration_id: UUID, *, hours: float = 72) -> str:
        """A personal link's token, as a mail would hold it."""
        lifetime = timedelta(hours=hours)
        return Links(self.here.settings).sign(purpose, registration_id, lifetime)

    async def sign_in(self) -> None:
        """Become one of staff."""
        path = f"/logga-in/{self.link('sign-in', self.here.staff)}"
        entered = await self.submit(await self.get(path))
        assert entered.status == 303

    async def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> httpx.Response:
        """Call the JSON API."""
        token = (await self.get("/stil")).html.select_one("input[name=csrf_token]")
        assert isinstance(token, Tag)
        headers = {"X-CSRF-Token": str(token["value"]), "Idempotency-Key": key or str(new_id())}
        return await self.client.request(
            method, f"/api/registration{path}", json=body, headers=headers
        )


@asynccontextmanager
async def visitor(
    here: Register, *, language: str = "sv", address: str = "192.0.2.1"
) -> AsyncIterator[Visitor]:
    """Somebody new, who reads `language` and comes from `address`."""
    transport = httpx.ASGITransport(here.app, client=(address, 1234))
    async with httpx.AsyncClient(transport=transport, base_url=here.settings.public_url) as client:
        client.cookies.set("lang", language)
        yield Visitor(client, here)


def _fields(form: Tag) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in form.select("input, select, textarea"):
        name, kind = str(field.get("name")), field.get("type")
        if field.name == "select":
            chosen = field.select_one("option[selected]") or field.select_one("option")
            found[name] = str(chosen["value"]) if chosen else ""
        elif field.name == "textarea":
            found[name] = field.get_text().removeprefix("\n")
        elif kind not in ("radio", "checkbox") or field.has_attr("checked"):
            found[name] = str(field.get("value", ""))
    return found
