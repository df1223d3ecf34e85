"""Mould: a finished mail with holes for what is personal.

A mail is written once for everybody who gets the same text, serialised, and
cut at its marks. Filling it for one recipient is joining bytes. The marks
carry a secret of their own, so nothing that stands in a mail can be taken for
one; the values are encoded for the place where they go.

The bytes are as DATA wants them: lines end in CRLF, a dot at the start of a
line is doubled, no line is longer than 998 octets.
"""

from __future__ import annotations

import re
import secrets
from binascii import b2a_qp
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEADING_DOT = re.compile(rb"(?m)^\.")
_NEEDS_NO_CODING = re.compile(rb"[A-Za-z0-9][A-Za-z0-9 ,;:/_()-]{0,60}[A-Za-z0-9]\Z")
_SOFT_BREAK = b"=\r\n"


class Slot(StrEnum):
    """What differs between two recipients of the same mail."""

    NAME = "name"
    NAME_HTML = "nameHtml"
    ORGANISATION = "organisation"
    ORGANISATION_HTML = "organisationHtml"
    LINK = "link"
    ATTENDEE = "attendee"


class Marks:
    """Marks for one mould: words of letters and digits that nobody could have written."""

    def __init__(self) -> None:
        self._secret = f"q{secrets.token_hex(8)}"

    def of(self, slot: Slot) -> str:
        """The mark that stands for `slot` until the mould is cut."""
        return f"{self._secret}{slot}z"

    def cut(self, message: bytes) -> Mould:
        """Cut the serialised `message`, whose parts are quoted-printable, at its marks."""
        # Quoted-printable may have broken a line in the middle of a mark.
        pattern = b"|".join(
            b"(?:=\r\n)?".join(re.escape(sign.to_bytes()) for sign in self.of(slot).encode())
            for slot in Slot
        )
        pieces: list[bytes] = []
        holes: list[tuple[int, Slot]] = []
        end = 0
        for found in re.finditer(pattern, message):
            pieces += [_stuffed(message[end : found.start()], after_hole=bool(holes)), b""]
            name = found[0].replace(_SOFT_BREAK, b"")[len(self._secret) : -1].decode()
            # Counted with the head that will stand before all pieces.
            holes.append((len(pieces), Slot(name)))
            end = found.end()
        pieces.append(_stuffed(message[end:], after_hole=bool(holes)))
        return Mould(tuple(pieces), tuple(holes), frozenset(slot for _, slot in holes))


@dataclass(frozen=True, slots=True)
class Mould:
    """A mail without its personal parts."""

    pieces: tuple[bytes, ...]
    holes: tuple[tuple[int, Slot], ...]
    slots: frozenset[Slot]
    """What `fill` needs."""

    def fill(self, head: bytes, values: Mapping[Slot, bytes]) -> bytes:
        """The whole message: `head` is its personal header lines, `values` come from `coded`."""
        pieces = [head, *self.pieces]
        for place, slot in self.holes:
            pieces[place] = values[slot]
        return b"".join(pieces)


def coded(text: str) -> bytes:
    """`text` as quoted-printable on lines of its own, between two soft line breaks."""
    plain = text.encode()
    if not _NEEDS_NO_CODING.match(plain):
        plain = b2a_qp(plain, istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        plain = _LEADING_DOT.sub(b"=2E", plain)
    return _SOFT_BREAK + plain + _SOFT_BREAK


def coded_html(text: str) -> bytes:
    """As `coded`, escaped for HTML, and kept from turning the sentence around it right to left."""
    return coded(f"<bdi>{escape(text)}</bdi>")


def _stuffed(piece: bytes, *, after_hole: bool) -> bytes:
    # What follows a hole begins a line, because its value ended with a soft break.
    if after_hole or not piece.startswith(b"."):
        return _LEADING_DOT.sub(b"..", piece)
    return piece[:1] + _LEADING_DOT.sub(b"..", piece[1:])
