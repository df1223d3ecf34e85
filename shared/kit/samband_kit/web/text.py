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

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema


@dataclass(frozen=True)
class Line:
    """One line of at most `longest` characters; runs of blanks become one."""

    longest: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        raise NotImplementedError


@dataclass(frozen=True)
class Prose:
    """Several lines, at most `longest` characters; line ends become `\\n`."""

    longest: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        raise NotImplementedError


Email = Annotated[str, Line(254)]
"""One address as people have them; the domain in lower case."""

PersonName = Annotated[str, Line(120)]
"""A person's name; refuses addresses of web pages, so that our mails carry nobody's advertisement."""
