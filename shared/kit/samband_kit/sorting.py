"""Sorting: the order of names in Swedish, for what the database sorts.

Postgres may know no Swedish collation, so a key is stored beside each name
and sorted byte by byte (`collate "C"`).
"""

import re
import unicodedata
from typing import Final

# The signs that follow z in ASCII; ü counts as y.
_SWEDISH: Final = str.maketrans({"å": "{", "ä": "|", "æ": "|", "ö": "}", "ø": "}", "ü": "y"})


def sort_key(name: str) -> str:
    """A key whose byte order is Swedish: å, ä and ö after z, other accents as if not there."""
    swedish = unicodedata.normalize("NFC", name).casefold().translate(_SWEDISH)
    plain = unicodedata.normalize("NFKD", swedish)
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(re.findall(r"[\w{|}]+", letters))
