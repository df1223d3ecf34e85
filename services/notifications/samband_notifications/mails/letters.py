"""Letters: what a mail says, and the text and HTML that say it.

`templates/<name>.<language>.txt` is the one source of both: a subject, the
first line (what, when, what to do), facts, paragraphs, a button and why the
reader gets it. It is plain text; `layout.html` escapes all of it, so nothing
that a person typed can become markup. A name that does not exist is an
error, not a blank.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

from css_inline import CSSInliner
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from samband_contracts.values import Language
from samband_kit.web.i18n import Catalogues, catalogues
from samband_kit.web.times import format_date, format_datetime, format_period

from samband_notifications.mails.facts import MeetingFacts, RegistrationFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from samband_notifications.mails.facts import Facts
    from samband_notifications.notifications.domain import Template

_PACKAGE = "samband_notifications"


@dataclass(frozen=True)
class Letter:
    """What a mail says, in plain text."""

    subject: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    paragraphs: tuple[str, ...]
    button: str
    link: str
    why: str


class Letters:
    """Writes letters in both languages; what that needs is made at once, not by the first mail."""

    def __init__(self) -> None:
        self._languages: Catalogues = catalogues(_PACKAGE)
        self._templates = Environment(
            loader=PackageLoader(_PACKAGE, "mails/templates"),
            autoescape=select_autoescape(["html"], default=False),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._inliner = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
        for name in self._templates.list_templates():
            self._templates.get_template(name)
        for language in get_args(Language):
            with self._languages.speaking(language):
                format_datetime(datetime.now(UTC))

    def write(
        self,
        template: Template,
        facts: Facts,
        language: Language,
        *,
        zone: str,
        personal: Mapping[str, str],
    ) -> Letter:
        """The letter as a reader in `zone` gets it.

        `personal` has `name`, `organisation` and `link`: marks, or what they
        stand for; an empty organisation is not known.
        """
        with self._languages.speaking(language):
            source = self._templates.get_template(f"{template.name}.{language}.txt")
            said: Any = source.make_module({**_values(facts, zone, language), **personal})
        link = facts.digital_link or "" if isinstance(facts, MeetingFacts) else personal["link"]
        return Letter(
            subject=str(said.subject).strip(),
            lead=_one_line(said.lead),
            facts=tuple(_pairs(said.facts)),
            paragraphs=_paragraphs(said.body),
            button=_one_line(said.button),
            link=link,
            why=_one_line(said.why),
        )

    def text(self, letter: Letter) -> str:
        """The letter as plain text."""
        return self._templates.get_template("layout.txt").render(letter=letter)

    def html(self, letter: Letter, language: Language) -> str:
        """The letter as a page of its own, styles at the elements."""
        page = self._templates.get_template("layout.html")
        return self._inliner.inline(page.render(letter=letter, language=language))


def _values(facts: Facts, zone: str, language: Language) -> dict[str, object]:
    match facts:
        case RegistrationFacts():
            return {
                "reference": facts.reference,
                "counterpart": facts.counterpart,
                "undecided": facts.counterpart_undecided,
                "deadline": _moment(facts, zone),
                "deadline_day": format_date(facts.expires_at, zone) if facts.expires_at else None,
            }
        case MeetingFacts():
            return {
                "kind": facts.kind.value,
                "form": facts.form.value,
                "revised": facts.revision > 0,
                "network": _one_line(facts.network_name.text(language)),
                "title": _one_line(facts.title.text(language)),
                "agenda": facts.agenda.text(language),
                "day": format_date(facts.starts_at, facts.zone),
                "period": format_period(facts.starts_at, facts.ends_at, facts.zone, also=zone),
            }


def _moment(facts: RegistrationFacts, zone: str) -> str | None:
    if facts.expires_at is None:
        return None
    return format_datetime(facts.expires_at, also=zone)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _pairs(text: str) -> list[tuple[str, str]]:
    """Lines of the form `label | value`; empty ones stand for facts that are not there."""
    pairs = (line.partition(" | ") for line in text.splitlines() if line.strip())
    return [(label.strip(), value.strip()) for label, _, value in pairs]


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("\n\n") if part.strip())
