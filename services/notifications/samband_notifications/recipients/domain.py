"""Recipients: how a person is named in what we write.

Pure. Names come from a public form; what is shown of one can neither turn the
text around it the other way nor carry an address of a web page.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_NAME = 70
_STEERS_DIRECTION = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
# The blocks in which Unicode keeps right-to-left scripts.
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_LOOKS_LIKE_LINK = re.compile(r"://|www\.|https?:", re.IGNORECASE)


def display_name(name: str) -> str:
    """The name as a mail shows it, empty if it had better not be shown.

    Control characters stay: they are refused where the header is written, so
    that an attempt is seen and not repaired.
    """
    shown = unicodedata.normalize("NFC", _STEERS_DIRECTION.sub("", name)).strip(" ")
    if _LOOKS_LIKE_LINK.search(shown):
        return ""
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1].rstrip() + "…"


def isolated(text: str) -> str:
    """`text` so that its direction ends with it: invisible marks around right-to-left text."""
    return f"\u2068{text}\u2069" if _RIGHT_TO_LEFT.search(text) else text
