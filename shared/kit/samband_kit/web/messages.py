"""Messages: what a person is told when an answer does not fit.

One table from pydantic's kinds of error to sentences that say what to do. A
validator of a service raises `ValueError(N_("..."))` and its own sentence is
shown.
"""

from collections.abc import Mapping
from typing import Any

from samband_kit.web.i18n import N_, _
from samband_kit.web.text import MESSAGES as TEXT

CHOICE = N_("Choose one of the answers.")
DATE = N_("Write the date as year-month-day, such as 2027-02-09.")
TIME = N_("Write the time as hours and minutes, such as 10:00.")
NUMBER = N_("Write a number with digits.")
ADDRESS = N_("Write the whole address, such as https://example.org/room.")

SENTENCES: Mapping[str, str] = {
    **TEXT,
    "missing": N_("Fill in an answer."),
    "string_type": N_("Fill in an answer."),
    "extra_forbidden": N_("Leave this out: we do not ask for it."),
    "literal_error": CHOICE,
    "enum": CHOICE,
    "uuid_parsing": CHOICE,
    "uuid_type": CHOICE,
    "bool_parsing": CHOICE,
    "too_short": N_("Choose at least one of the answers."),
    "too_long": N_("Choose at most {max_length} of the answers."),
    "string_too_long": N_("Shorten the answer to at most {max_length} characters."),
    "string_too_short": N_("Write at least {min_length} characters."),
    "int_parsing": NUMBER,
    "int_parsing_size": NUMBER,
    "int_from_float": N_("Write a whole number."),
    "float_parsing": NUMBER,
    "greater_than": N_("Write a number above {gt}."),
    "greater_than_equal": N_("Write {ge} or a higher number."),
    "less_than": N_("Write a number below {lt}."),
    "less_than_equal": N_("Write {le} or a lower number."),
    "date_parsing": DATE,
    "date_from_datetime_parsing": DATE,
    "date_from_datetime_inexact": DATE,
    "time_parsing": TIME,
    "datetime_parsing": DATE,
    "datetime_from_date_parsing": DATE,
    "url_parsing": ADDRESS,
    "url_scheme": ADDRESS,
    "url_too_long": ADDRESS,
    "json_invalid": N_("This is not valid JSON."),
}
ANYTHING_ELSE = N_("Check this answer.")


def sentence(error: Mapping[str, Any], instead: str | None = None) -> str:
    """The sentence for one of pydantic's errors, or the msgid `instead`, in the reader's language."""
    if instead is not None:
        return _(instead)
    facts = error.get("ctx") or {}
    if error["type"] == "value_error":
        return _(str(facts["error"]))
    return _(SENTENCES.get(error["type"], ANYTHING_ELSE), **facts)
