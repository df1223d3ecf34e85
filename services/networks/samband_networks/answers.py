"""Answers: the kinds of value that forms and API take, and what is said of a wrong one.

The sentences are msgids.
"""

import re
from datetime import date, time
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from samband_kit.web.i18n import N_
from samband_kit.web.text import Line, Prose

from samband_networks.clocks import zones


def _day(given: object) -> date:
    if isinstance(given, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", given.strip(), re.ASCII):
        try:
            return date.fromisoformat(given.strip())
        except ValueError:
            pass
    raise ValueError(N_("Write the date as year-month-day, such as 2027-02-09."))


def _clock(given: object) -> time:
    if isinstance(given, str):
        found = re.fullmatch(r"(\d{1,2})[:.](\d{2})", given.strip(), re.ASCII)
        if found and int(found[1]) < 24 and int(found[2]) < 60:
            return time(int(found[1]), int(found[2]))
    raise ValueError(N_("Write the time as hours and minutes, such as 10:00."))


def _zone(given: str) -> str:
    if given not in zones():
        raise ValueError(N_("Choose a time zone from the list."))
    return given


def _link(given: str) -> str:
    try:
        parts = urlsplit(given)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        usable = False
    if not usable or " " in given:
        raise ValueError(N_("Write the whole link, beginning with https://."))
    return given


Day = Annotated[date, BeforeValidator(_day)]
Clock = Annotated[time, BeforeValidator(_clock)]
"""A time of day on a clock, without a zone; `10.00` is understood too."""
Zone = Annotated[str, AfterValidator(_zone)]
RoomLink = Annotated[str, Line(2_000), AfterValidator(_link)]
NetworkName = Annotated[str, Line(120)]
Title = Annotated[str, Line(120)]
Agenda = Annotated[str, Prose(4_000)]
Round = Annotated[int, Field(ge=1, le=99)]
Capacity = Annotated[int, Field(ge=1, le=999)]
