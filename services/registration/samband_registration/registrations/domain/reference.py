"""Reference numbers: digits only, so that they survive being read aloud.

Eight random digits and a check digit by Damm's algorithm, grouped in threes:
`482-915-637`. One wrong digit, or two neighbours that changed places, is
always noticed.
"""

import re
from typing import Final

# The totally anti-symmetric quasigroup of order 10 from H. M. Damm's thesis (2004).
_DAMM: Final = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)
_DIGITS: Final = 8
POSSIBLE: Final = 10**_DIGITS
"""How many reference numbers there are."""


def reference(number: int) -> str:
    """The reference number that belongs to `number`, which is less than `POSSIBLE`."""
    digits = f"{number:0{_DIGITS}d}"
    return _grouped(digits + _check_digit(digits))


def read_reference(typed: str) -> str | None:
    """The reference number in what somebody typed or heard, None if it is none."""
    digits = re.sub(r"[\s\-–.]", "", typed)
    if not re.fullmatch(rf"[0-9]{{{_DIGITS + 1}}}", digits) or _check_digit(digits) != "0":
        return None
    return _grouped(digits)


def _grouped(digits: str) -> str:
    return "-".join(digits[start : start + 3] for start in range(0, len(digits), 3))


def _check_digit(digits: str) -> str:
    row = 0
    for digit in digits:
        row = int(_DAMM[row][int(digit)])
    return str(row)
