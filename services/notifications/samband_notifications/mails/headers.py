"""Headers: what stands above a mail, safe and correctly encoded.

A value with a control character or a line separator is refused, never
cleaned: it would be an attempt to write a header of its own. Names that are
not plain ASCII become encoded words (RFC 2047), long ones are folded
(RFC 5322), and an address is taken only in the plain form that every mail
server understands.
"""

from __future__ import annotations

import re
import unicodedata
from email.charset import Charset
from email.header import Header
from email.utils import quote

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~.,()-]{1,60}\Z")
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z"
)
_LONGEST_ADDRESS = 254
_LONGEST_LOCAL_PART = 64
_LONGEST_LINE = 76
_LINE_END = "\r\n"
# An encoded word has at most 75 characters: 12 around base64 of so many octets.
_FITS_ONE_WORD = 45
_UTF8 = Charset("utf-8")


class UnsafeHeader(ValueError):
    """A header value holds a control character or a line separator."""


class UnusableAddress(ValueError):
    """This is no address that a mail can be sent to."""


def safe(value: str) -> str:
    """`value` as it is.

    Raises:
        UnsafeHeader: it holds a control character, a line separator or half a
            surrogate. The message does not repeat it.
    """
    if _UNSAFE.search(value):
        names = {unicodedata.name(sign, f"U+{ord(sign):04X}") for sign in _UNSAFE.findall(value)}
        raise UnsafeHeader(f"A header value holds {', '.join(sorted(names))}.")
    return value


def mailbox(address: str) -> str:
    """The address as it goes over the wire: ASCII, an international domain in its coded form.

    Raises:
        UnusableAddress: no plain `local@domain`, or a local part that is not ASCII.
    """
    local, at, domain = address.rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise UnusableAddress("The domain cannot be coded.") from error
    coded = f"{local}{at}{domain}"
    if (
        len(coded) > _LONGEST_ADDRESS
        or len(local) > _LONGEST_LOCAL_PART
        or not _ADDRESS.match(coded)
    ):
        raise UnusableAddress("It is not of the form local@domain.")
    return coded


def subject(text: str) -> bytes:
    """The whole `Subject` line of a mail.

    Raises:
        UnsafeHeader: see `safe`.
    """
    charset = "us-ascii" if safe(text).isascii() else "utf-8"
    coded = Header(text, charset, header_name="Subject", maxlinelen=_LONGEST_LINE)
    return f"Subject: {coded.encode(linesep=_LINE_END)}{_LINE_END}".encode("ascii")


def recipient(name: str, address: str) -> bytes:
    """The whole `To` line of a mail; `address` is a `mailbox`, `name` may be empty."""
    if not name:
        return f"To: {address}\r\n".encode("ascii")
    if _PLAIN_NAME.match(name) and "=?" not in name:
        phrase = f'"{quote(name)}"'
    elif len(safe(name).encode()) <= _FITS_ONE_WORD:
        phrase = _UTF8.header_encode(name)
    else:
        coded = Header(name, "utf-8", header_name="To", maxlinelen=_LONGEST_LINE)
        phrase = coded.encode(linesep=_LINE_END)
    last_line = len(phrase) - phrase.rfind("\n") - 1
    gap = " " if last_line + len(address) + 7 <= _LONGEST_LINE else "\r\n "
    return f"To: {phrase}{gap}<{address}>\r\n".encode("ascii")
