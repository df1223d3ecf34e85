"""Text that people type: cleaned, bounded, and refused where it could do harm.

Types for the fields of forms and API models:

    name: PersonName
    title: Annotated[str, Line(120)]
    message: Annotated[str, Prose(2000)]
    email: Email

All are in Unicode's composed form, without control characters, line
separators, bidirectional overrides or half surrogates: what a log line, a mail
header or a reader could be deceived with. The messages are English msgids.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from samband_kit.web.i18n import N_

MESSAGES: Mapping[str, str] = {
    "text_empty": N_("Fill in an answer."),
    "text_too_long": N_("Shorten the answer to at most {longest} characters."),
    "text_lines": N_("Write this on one line."),
    "text_characters": N_(
        "Remove the characters that cannot be shown. They often come along when you paste."
    ),
    "text_email": N_("Write one e-mail address, such as name@municipality.se."),
    "text_email_letters": N_("Write the part before @ without å, ä, ö and other special letters."),
    "text_web_address": N_("Write only the name, without a web address."),
}

CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffd]"
)
"""C0 and C1 but for line ends and tab, half surrogates, bidirectional overrides, bytes that were no text."""
LINE_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
MOST_MARKS = 4
"""Accents on one letter; some scripts need three."""
WEB_ADDRESS = re.compile(
    r"://|\bwww\.|\b[\w-]+\.(com|net|org|info|biz|ru|cn|top|xyz|online|site|shop|link)\b", re.I
)
LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~][A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{0,63}")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Line:
    """One line of at most `longest` characters; runs of blanks become one."""

    longest: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.clean, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "minLength": 1, "maxLength": self.longest}

    def clean(self, text: str) -> str:
        """The cleaned text; raises PydanticCustomError."""
        text = _readable(text)
        if LINE_ENDS.search(text):
            raise _wrong("text_lines")
        return _bounded(" ".join(text.split()), self.longest)


@dataclass(frozen=True)
class Prose:
    """Several lines, at most `longest` characters; line ends become `\\n`."""

    longest: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.clean, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "minLength": 1, "maxLength": self.longest}

    def clean(self, text: str) -> str:
        """The cleaned text; raises PydanticCustomError."""
        text = LINE_ENDS.sub("\n", _readable(text)).replace("\t", " ")
        lines = (line.rstrip() for line in text.split("\n"))
        return _bounded("\n".join(lines).strip(), self.longest)


@dataclass(frozen=True)
class _Checked:
    """A Line that must also pass `check`."""

    check: Callable[[str], str]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))


def _email(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if not at or any(character in ' "(),:;<>[\\]' for character in address):
        raise _wrong("text_email")
    if not local.isascii():
        raise _wrong("text_email_letters")
    if not LOCAL_PART.fullmatch(local) or ".." in local or local[0] == "." or local[-1] == ".":
        raise _wrong("text_email")
    try:
        domain = domain.lower().encode("idna").decode()
    except UnicodeError:
        raise _wrong("text_email") from None
    labels = domain.split(".")
    if len(labels) < 2 or not all(LABEL.fullmatch(label) for label in labels):
        raise _wrong("text_email")
    if labels[-1].isdigit() or len(labels[-1]) < 2 or len(local) + len(domain) + 1 > 254:
        raise _wrong("text_email")
    return f"{local}@{domain}"


def _person_name(name: str) -> str:
    if WEB_ADDRESS.search(name) or "@" in name:
        raise _wrong("text_web_address")
    return name


Email = Annotated[str, Line(254), _Checked(_email)]
"""One address as people have them: plain letters before the @, a domain (in lower case, IDN encoded) after it."""

PersonName = Annotated[str, Line(120), _Checked(_person_name)]
"""A person's name; refuses addresses, so that our mails carry nobody's advertisement."""


def _readable(text: str) -> str:
    if CONTROLS.search(text) or _piled(text):
        raise _wrong("text_characters")
    return unicodedata.normalize("NFC", INVISIBLE.sub("", text))


def _piled(text: str) -> bool:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MOST_MARKS:
            return True
    return False


def _bounded(text: str, longest: int) -> str:
    if not text:
        raise _wrong("text_empty")
    if len(text) > longest:
        raise PydanticCustomError("text_too_long", MESSAGES["text_too_long"], {"longest": longest})
    return text


def _wrong(kind: str) -> PydanticCustomError:
    return PydanticCustomError(kind, MESSAGES[kind])
