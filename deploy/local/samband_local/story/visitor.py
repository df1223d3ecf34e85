"""A person with a browser: opens pages, reads them, fills in forms by their labels.

No JavaScript runs, so whatever a visitor can do works without it. A field is
found by what a person reads beside it, in English, so that this code reads like
the story; a page that lacks it is an error that says what the page did show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx
from bs4 import BeautifulSoup, Tag

if TYPE_CHECKING:
    from types import TracebackType


class PageSurprise(Exception):
    """The page is not what the visitor expected; the message says what it showed."""


class Visitor:
    """One person's browser with its own cookies.

    Redirects are followed; an answer of 400 or more is a `PageSurprise` unless
    the caller says that it is expected.
    """

    def __init__(self, base_url: str, *, timeout: float = 30) -> None:
        """`timeout` in seconds for each request."""
        self._client = httpx.AsyncClient(
            base_url=base_url,
            follow_redirects=True,
            timeout=timeout,
            headers={"Accept": "text/html", "Accept-Language": "en"},
        )

    async def __aenter__(self) -> Visitor:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def open(self, address: str, *, expect: int = 200) -> Page:
        """The page at a path or a whole address (as a link in a mail gives it)."""
        return self._page(await self._client.get(address), expect)

    async def submit(self, form: Form, *, button: str | None = None, expect: int = 200) -> Page:
        """Send a form by the button with this text (the first one by default)."""
        data = form.entries(button)
        headers = {
            "Origin": f"{self._client.base_url.scheme}://{self._client.base_url.netloc.decode()}"
        }
        if form.method == "get":
            response = await self._client.get(form.action, params=data)
        else:
            response = await self._client.post(form.action, data=data, headers=headers)
        return self._page(response, expect)

    @staticmethod
    def _page(response: httpx.Response, expect: int) -> Page:
        page = Page(
            str(response.url), response.status_code, BeautifulSoup(response.text, "html.parser")
        )
        if response.status_code != expect:
            raise PageSurprise(f"{page.path} answered {response.status_code}: {page.gist()}")
        return page


@dataclass(frozen=True)
class Page:
    """What the browser shows."""

    url: str
    status: int
    soup: BeautifulSoup

    @property
    def path(self) -> str:
        """The path alone: an address may hold a personal link's token."""
        return urlsplit(self.url).path.rsplit("/", 1)[0] + "/…"

    @property
    def heading(self) -> str:
        """The text of the page's main heading."""
        return text_of(self.soup.find("h1"))

    @property
    def text(self) -> str:
        """Everything that can be read on the page, in one line."""
        return text_of(self.soup.find("main") or self.soup)

    def gist(self) -> str:
        """Heading and error summary, for a message about a surprise."""
        errors = self.soup.select(".error-summary li, [role=alert] li")
        return "; ".join([self.heading or self.text[:200], *(text_of(error) for error in errors)])

    def form(self, button: str) -> Form:
        """The form that has a button with this text."""
        for tag in self.soup.find_all("form"):
            if any(text_of(each) == button for each in tag.find_all("button")):
                return Form.of(tag, self)
        seen = [text_of(each) for each in self.soup.find_all("button")]
        raise PageSurprise(f"no button “{button}” on “{self.gist()}”, but {seen}")

    def has_button(self, button: str) -> bool:
        """Whether a button with this text is there."""
        return any(text_of(each) == button for each in self.soup.find_all("button"))

    def labels(self) -> list[str]:
        """The labels of all fields and choices."""
        return [text_of(each) for each in self.soup.find_all("label")]

    def value(self, term: str) -> str:
        """What the page says about `term`: in a list of facts, or in a line of its own."""
        for each in self.soup.find_all("dt"):
            if text_of(each) == term:
                return text_of(each.find_next_sibling("dd"))
        for each in self.soup.find_all("p"):
            if text_of(each).startswith(f"{term} "):
                return text_of(each).removeprefix(term).strip()
        raise PageSurprise(f"nothing about “{term}” on “{self.gist()}”")

    def has_option(self, label: str) -> bool:
        """Whether a list has a choice that begins with this."""
        return any(text_of(each).startswith(label) for each in self.soup.find_all("option"))

    def has_row(self, first_cell: str) -> bool:
        """Whether a table has a row that begins with this."""
        return any(text_of(each) == first_cell for each in self._row_heads())

    def rows(self, heading: str) -> int:
        """How many rows the table under this heading has; 0 when there is none."""
        for each in self.soup.find_all("h2"):
            if text_of(each) == heading:
                table = each.find_next(["table", "h2"])
                return len(table.select("tbody tr")) if table else 0
        return 0

    def row_links(self) -> list[str]:
        """The address behind the first cell of each row of the page's tables."""
        links = [each.find("a") for each in self.soup.select("tbody th")]
        return [urljoin(self.url, str(link["href"])) for link in links if link]

    def _row_heads(self) -> list[Tag]:
        return self.soup.select("tbody th > span:last-child")

    def link(self, words: str) -> str:
        """The address behind the first link that contains these words."""
        for tag in self.soup.find_all("a"):
            if words in text_of(tag):
                return urljoin(self.url, str(tag["href"]))
        raise PageSurprise(f"no link “{words}” on “{self.gist()}”")


@dataclass
class Form:
    """A form as it stands on a page, with what is filled in so far."""

    tag: Tag
    page: Page
    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tag: Tag, page: Page) -> Form:
        """The form with the values that the page itself put there."""
        form = cls(
            tag,
            page,
            urljoin(page.url, str(tag.get("action") or page.url)),
            str(tag.get("method") or "get").lower(),
        )
        for each in tag.find_all(["input", "select", "textarea"]):
            name, value = each.get("name"), _preset(each)
            if name and value is not None:
                form.values[str(name)] = value
        return form

    def fill(self, label: str, value: str) -> Form:
        """Type `value` into the field, or choose the option, with this label."""
        control = self._labelled(label)
        name = str(control["name"])
        if control.name == "select":
            self.values[name] = _option(control, value, self.page)
        elif control.get("type") in ("radio", "checkbox"):
            self.values[name] = str(control.get("value", "on"))
        else:
            self.values[name] = value
        return self

    def choose(self, label: str) -> Form:
        """Tick the radio button or checkbox with this label."""
        return self.fill(label, "")

    def entries(self, button: str | None) -> dict[str, str]:
        """What the browser would send: the values, and the pressed button's own."""
        for each in self.tag.find_all("button"):
            if button is not None and text_of(each) != button:
                continue
            if each.get("name"):
                return {**self.values, str(each["name"]): str(each.get("value", ""))}
            break
        return dict(self.values)

    def _labelled(self, label: str) -> Tag:
        labels = self.tag.find_all("label")
        for tag in sorted(labels, key=lambda each: text_of(each) != label):
            if text_of(tag).startswith(label):
                control = self.tag.find(id=str(tag.get("for", "")))
                if isinstance(control, Tag) and control.get("name"):
                    return control
        seen = [text_of(each) for each in labels]
        raise PageSurprise(f"no field “{label}” on “{self.page.gist()}”, but {seen}")


def text_of(tag: Tag | None) -> str:
    """The text of an element, white space folded."""
    return " ".join(tag.get_text(" ").split()) if tag else ""


def _preset(tag: Tag) -> str | None:
    if tag.name == "select":
        options = tag.find_all("option")
        chosen = next((each for each in options if each.has_attr("selected")), None)
        chosen = chosen or (options[0] if options else None)
        return str(chosen.get("value", text_of(chosen))) if chosen else None
    if tag.name == "textarea":
        # The line break after the tag is markup, as browsers read it.
        return tag.get_text().removeprefix("\n")
    if tag.get("type") in ("radio", "checkbox"):
        return str(tag.get("value", "on")) if tag.has_attr("checked") else None
    if tag.get("type") in ("submit", "image", "reset", "button", "file"):
        return None
    return str(tag.get("value", ""))


def _option(select: Tag, label: str, page: Page) -> str:
    for each in select.find_all("option"):
        if text_of(each).startswith(label):
            return str(each.get("value", text_of(each)))
    raise PageSurprise(f"no option “{label}” on “{page.gist()}”")
