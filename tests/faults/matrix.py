"""Matrix: every failpoint of the code, and what is done to the process that comes by.

A failpoint that is not in `SCENARIOS` fails a test. `make test` kills once at
each; `make faults` also lets it fail in the other ways that mean something.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from samband_kit.failpoints import Failpoint

from tests.faults.cases import Area, Invariant
from tests.faults.scenarios import (
    facts_flow,
    forms_arrive,
    mails_leave,
    news_arrive,
    parked_heals,
)
from tests.faults.trials import Trial

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.faults.trials import Ground

Armed: TypeAlias = "Callable[[Ground, str], Awaitable[float]]"
"""A scenario whose process is started with these failpoints."""

SCENARIOS: Final[Mapping[Failpoint, Armed]] = {
    Failpoint.OUTBOX_APPENDING: forms_arrive,
    Failpoint.OUTBOX_APPENDED: forms_arrive,
    Failpoint.OUTBOX_COMMITTED: forms_arrive,
    Failpoint.RELAY_FETCHED: facts_flow,
    Failpoint.RELAY_ACKNOWLEDGED: facts_flow,
    Failpoint.RELAY_SENT: facts_flow,
    Failpoint.RELAY_MARKED: facts_flow,
    Failpoint.CONSUMER_READ: facts_flow,
    Failpoint.CONSUMER_APPLIED: facts_flow,
    Failpoint.CONSUMER_COMMITTED: facts_flow,
    Failpoint.RETRIES_DUE: parked_heals,
    Failpoint.RETRIES_APPLIED: parked_heals,
    Failpoint.RETRIES_COMMITTED: parked_heals,
    Failpoint.JOB_BEGUN: facts_flow,
    Failpoint.JOB_DONE: facts_flow,
    Failpoint.DELIVERIES_ADDED: news_arrive,
    Failpoint.SENDER_CLAIMED: mails_leave,
    Failpoint.SENDER_STARTED: mails_leave,
    Failpoint.SENDER_DATA: mails_leave,
    Failpoint.SENDER_SENT: mails_leave,
    Failpoint.SENDER_ANSWERED: mails_leave,
    Failpoint.SENDER_RECORDING: mails_leave,
    Failpoint.SENDER_RECORDED: mails_leave,
}
"""What a process is doing when it comes by."""

_AREAS: Final[Mapping[Armed, Area]] = {
    forms_arrive: Area.FORMS,
    facts_flow: Area.RELAY,
    parked_heals: Area.PARKED,
    news_arrive: Area.CONSUMER,
    mails_leave: Area.MAIL,
}
_WAY: Final = tuple(map(Invariant, ("I1", "I2", "I3", "I4", "I8", "I13")))
_HOLDS: Final[Mapping[Area, Sequence[Invariant]]] = {
    Area.FORMS: (Invariant.I1, Invariant.I2, Invariant.I4, Invariant.I8),
    Area.RELAY: _WAY,
    Area.CONSUMER: _WAY,
    Area.PARKED: _WAY,
    Area.MAIL: (Invariant.I5, Invariant.I6, Invariant.I7, Invariant.I8),
}
_IN_THE_KITS_CONSUMER: Final = (
    Failpoint.CONSUMER_READ,
    Failpoint.CONSUMER_APPLIED,
    Failpoint.CONSUMER_COMMITTED,
)
_OFTEN: Final = (
    Failpoint.SENDER_DATA,
    Failpoint.SENDER_SENT,
    Failpoint.SENDER_ANSWERED,
    Failpoint.RELAY_ACKNOWLEDGED,
)
"""Reached by every mail and every partition; the others by every batch."""

_RAISES: Final = (
    *(point for point in Failpoint if point.label.startswith(("outbox.a", "relay.", "consumer."))),
    *(point for point in Failpoint if point.label.startswith(("retries.", "job.", "deliveries."))),
    Failpoint.SENDER_CLAIMED,
    Failpoint.SENDER_STARTED,
    Failpoint.SENDER_DATA,
    Failpoint.SENDER_SENT,
    Failpoint.SENDER_ANSWERED,
    Failpoint.SENDER_RECORDING,
)
# Where something is under way that a planned stop must bring to an end.
_UNDER_WAY: Final = tuple(
    point for point in Failpoint if point.label.startswith(("relay.", "consumer.", "sender."))
)
_SLEEPS: Final = {
    Failpoint.RELAY_FETCHED: 3,
    Failpoint.RELAY_SENT: 3,
    Failpoint.CONSUMER_READ: 3,
    Failpoint.CONSUMER_APPLIED: 3,
    Failpoint.CONSUMER_COMMITTED: 3,
    Failpoint.RETRIES_APPLIED: 3,
    # Shorter than the lease of the scenario: the mails stay with this sender, and leave late.
    Failpoint.SENDER_CLAIMED: 4,
    Failpoint.SENDER_STARTED: 4,
    Failpoint.SENDER_RECORDING: 4,
}


def _trial(point: Failpoint, action: str, *, quick: bool) -> Trial:
    scenario = SCENARIOS[point]
    area = Area.CONSUMER if point in _IN_THE_KITS_CONSUMER else _AREAS[scenario]
    words = {"kill": "kill -9", "stop": "a planned stop", "raise": "an error"}
    word = words.get(action, f"a standstill of {action.partition(':')[2]} s")
    return Trial(
        name=f"{point.label}-{action.partition(':')[0]}",
        area=area,
        fault=f"{word}: {point.moment}",
        how=f"failpoint `{point.label}={action}`",
        holds=(*_HOLDS[area], *((Invariant.I12,) if action == "stop" else ())),
        run=partial(_armed, point, action),
        quick=quick,
    )


async def _armed(point: Failpoint, action: str, ground: Ground) -> float:
    # Which time it is differs from seed to seed.
    latest = 9 if point in _OFTEN else 1 if point.label.startswith("retries") else 2
    nth = random.Random(f"{ground.seed} {point.label}").randint(1, latest)
    return await SCENARIOS[point](ground, f"{point.label}={action}@{nth}")


MATRIX: Final[Sequence[Trial]] = (
    *(_trial(point, "kill", quick=True) for point in SCENARIOS),
    *(_trial(point, "stop", quick=False) for point in _UNDER_WAY),
    *(_trial(point, "raise", quick=False) for point in _RAISES),
    *(_trial(point, f"sleep:{seconds}", quick=False) for point, seconds in _SLEEPS.items()),
)
