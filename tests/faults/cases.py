"""Cases: how a fault says what it is, so that the table of faults is made from what ran.

    @case(Area.RELAY, "kill -9 between send and mark", how="failpoint relay.sent", holds=(I1, I3))
    async def test_a_relay_killed_between_send_and_mark_loses_nothing(...) -> None:

A case is a test with this mark. `make faults` notes how each of them ended and
how long the system took to be well again; `tests.faults.report` makes the
page of it. `docs/reference/reliability.md` lists every case, or a test fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pytest

RECOVERY: Final = "recovery_seconds"


class Area(StrEnum):
    """What is attacked; the tables of the page, in this order."""

    FORMS = "Forms and commands"
    RELAY = "Relay"
    CONSUMER = "Consumers"
    PARKED = "Poison, gaps and parked records"
    MAIL = "Mail"
    INFRASTRUCTURE = "Kafka, Postgres and the network"
    PRIVACY = "Erasure"
    EVERYTHING = "Everything at once"
    CONTROLS = "Negative controls: broken on purpose, and caught"


class Invariant(StrEnum):
    """What must hold, whatever happens."""

    I1 = "I1"
    I2 = "I2"
    I3 = "I3"
    I4 = "I4"
    I5 = "I5"
    I6 = "I6"
    I7 = "I7"
    I8 = "I8"
    I9 = "I9"
    I10 = "I10"
    I11 = "I11"
    I12 = "I12"
    I13 = "I13"
    I14 = "I14"


MEANING: Final = {
    Invariant.I1: "no event is lost",
    Invariant.I2: "no event is made up",
    Invariant.I3: "the order of each key, counted by first occurrence, is kept",
    Invariant.I4: "each consumer has exactly one effect of each event",
    Invariant.I5: "every delivery ends settled",
    Invariant.I6: "no more mails twice than deliveries were uncertain; none when none was",
    Invariant.I7: "each mail reaches the right person with the right content",
    Invariant.I8: "everything is well again by itself",
    Invariant.I9: "other keys do not wait for a poisoned one",
    Invariant.I10: "memory, connections and backlog go back to what they were",
    Invariant.I11: "no personal data outside of where it may be",
    Invariant.I12: "a planned stop ends with 0 and repeats nothing",
    Invariant.I13: "every record read is accounted for before its offset is committed",
    Invariant.I14: "each service can do only what it must",
}


@dataclass(frozen=True)
class Case:
    """The declaration of a fault: what is done, how, and what must hold."""

    area: Area
    fault: str
    how: str
    holds: tuple[Invariant, ...]
    long: bool = False
    """Whether there is time for it in a full run alone."""


def case(
    area: Area, fault: str, *, how: str, holds: Sequence[Invariant], long: bool = False
) -> pytest.MarkDecorator:
    """The mark of a test, or of one parameter of a test (`pytest.param(…, marks=case(…))`)."""
    return pytest.mark.fault.with_args(Case(area, fault, how, tuple(holds), long))


def declared(item: pytest.Item) -> Case | None:
    """What a collected test says about itself, if it is a case."""
    mark = item.get_closest_marker("fault")
    return None if mark is None else mark.args[0]
