"""Languages: every sentence in Swedish and English.

The key of a sentence is the English one; `<package>/locale/sv.po` holds the
Swedish. Catalogues are read once, when an app is built. Which language is
spoken belongs to the running task: the web edge sets it for each request, a
mail is written inside `catalogues.speaking(language)`. Outside of both,
sentences stay English.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from gettext import NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import get_args

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from markupsafe import Markup
from samband_contracts.values import Language

LANGUAGES: tuple[Language, ...] = get_args(Language)
DEFAULT: Language = "sv"
KIT = "samband_kit.web"


@dataclass(frozen=True)
class _Speech:
    language: Language
    translations: NullTranslations


_current: ContextVar[_Speech] = ContextVar("samband_speech")
_ENGLISH = _Speech("en", NullTranslations())


@dataclass(frozen=True)
class Catalogues:
    """The translations of some packages; of two with the same key the first wins."""

    swedish: NullTranslations

    @contextmanager
    def speaking(self, language: Language) -> Iterator[None]:
        """Everything inside is written in `language`."""
        speech = _Speech("sv", self.swedish) if language == "sv" else _ENGLISH
        token = _current.set(speech)
        try:
            yield
        finally:
            _current.reset(token)


def catalogues(*packages: str) -> Catalogues:
    """Read `locale/sv.po` of the packages and of the kit.

    A package without one adds nothing; a broken file raises.
    """
    swedish = NullTranslations()
    for package in reversed((*packages, KIT)):
        source = files(package) / "locale" / "sv.po"
        if source.is_file():
            translations = _compiled(source.read_bytes())
            translations.add_fallback(swedish)
            swedish = translations
    return Catalogues(swedish)


def language() -> Language:
    """The language of the running task."""
    return _current.get(_ENGLISH).language


def _(message: str, /, **facts: object) -> str:
    """`message` in the language of the running task, `{placeholders}` filled in.

    Markup among the facts stays markup, everything else is escaped beside it.
    """
    return _filled(_current.get(_ENGLISH).translations.gettext(message), facts)


def ngettext(singular: str, plural: str, count: int, /, **facts: object) -> str:
    """The form that fits `count`, which is also the placeholder `{count}`."""
    found = _current.get(_ENGLISH).translations.ngettext(singular, plural, count)
    return _filled(found, {"count": count, **facts})


def N_(message: str) -> str:  # noqa: N802 - the name that gettext tools look for
    """Mark a sentence that is translated later, where it is shown."""
    return message


def chosen_language(query: str | None, cookie: str | None, accepted: str) -> Language:
    """Whom to believe: the address, then the cookie, then the browser, then Swedish."""
    for choice in (query, cookie):
        if choice in LANGUAGES:
            return choice
    listed = {part.split(";")[0].strip().lower()[:2] for part in accepted.split(",")}
    return "en" if "en" in listed and "sv" not in listed else DEFAULT


def _filled(message: str, facts: dict[str, object]) -> str:
    if not facts:
        return message
    if any(hasattr(fact, "__html__") for fact in facts.values()):
        return Markup(message).format(**facts)  # noqa: S704 - our own sentence, not a person's
    return message.format(**facts)


def _compiled(source: bytes) -> Translations:
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale="sv"))
    compiled.seek(0)
    return Translations(compiled)
