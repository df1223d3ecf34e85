"""Failpoints: the moments of a fact's way at which a process can be made to die, stop or fail.

All of them stand in `Failpoint`, each with what has happened by then and what
has not. The code comes by them with `await reach(...)`, which does nothing
unless the process was started with `SAMBAND_FAILPOINTS`:

    SAMBAND_FAILPOINTS="relay.sent=kill@3;consumer.committed=sleep:2"

The actions are `kill` (SIGKILL to itself), `exit` (at once, with 70), `stop`
(SIGTERM to itself: a planned stop that comes just now), `raise`,
`sleep:<seconds>` and `hang`; the last two hold up only what came by, the rest
of the process goes on. `@n` means the n-th time alone, without it every time.
Meant for tests: nothing else should arm them.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from samband_kit.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_CODE: Final = 70
"""With what `exit` ends: start again."""

_ACTIONS: Final = ("kill", "exit", "stop", "raise", "sleep", "hang")
_ENTRY: Final = re.compile(
    r"(?P<label>[a-z.-]+)=(?P<action>[a-z]+)(?::(?P<seconds>\d+(?:\.\d+)?))?(?:@(?P<nth>[1-9]\d*))?"
)

log = get_logger(__name__)


class Failpoint(Enum):
    """Every failpoint: what it is called, what has happened there and what has not."""

    OUTBOX_APPENDING = "outbox.appending", "The state is written; its facts are not."
    OUTBOX_APPENDED = "outbox.appended", "State and facts are written; nothing is committed."
    OUTBOX_COMMITTED = "outbox.committed", "State and facts are committed; nobody has been told."

    RELAY_FETCHED = "relay.fetched", "Rows that wait have been read; none of them is sent."
    RELAY_ACKNOWLEDGED = (
        "relay.acknowledged",
        "Kafka has some rows of one partition; the others are on their way.",
    )
    RELAY_SENT = "relay.sent", "Kafka has the rows; none of them is marked."
    RELAY_MARKED = "relay.marked", "The rows are marked as published."

    CONSUMER_READ = "consumer.read", "Records have been read; nothing is decided."
    CONSUMER_APPLIED = (
        "consumer.applied",
        "Effects, positions and parked records are written; nothing is committed.",
    )
    CONSUMER_COMMITTED = "consumer.committed", "The effects are committed; the offset is not."

    RETRIES_DUE = "retries.due", "A parked key's time has come; nothing has been tried."
    RETRIES_APPLIED = "retries.applied", "Parked records are applied; nothing is committed."
    RETRIES_COMMITTED = (
        "retries.committed",
        "Parked records are applied and gone; nothing shows it.",
    )

    JOB_BEGUN = "job.begun", "A job's time has come; it has done nothing."
    JOB_DONE = "job.done", "A job has done its work; its next time is not set."

    DELIVERIES_ADDED = (
        "deliveries.added",
        "A notification and its deliveries are written; nothing is committed.",
    )

    SENDER_CLAIMED = "sender.claimed", "Deliveries are leased; none of them is begun."
    SENDER_STARTED = (
        "sender.started",
        "It is committed that the messages may leave; no connection has begun with them.",
    )
    SENDER_DATA = "sender.data", "The mail server waits for the message; no byte of it has left."
    SENDER_SENT = "sender.sent", "The message and its final dot have left; no answer is read."
    SENDER_ANSWERED = "sender.answered", "The mail server has answered; nothing is noted."
    SENDER_RECORDING = "sender.recording", "Outcomes are known; none of them is written."
    SENDER_RECORDED = "sender.recorded", "Outcomes and their facts are committed."

    def __init__(self, label: str, moment: str) -> None:
        self.label = label
        self.moment = moment


class FailpointsRefused(ValueError):
    """The text that should arm failpoints cannot be read."""


class FailpointRaised(Exception):
    """What the action `raise` raises."""


@dataclass(slots=True)
class Fault:
    """What happens at an armed failpoint; `nth` is None for every time."""

    action: str
    seconds: float = 0.0
    nth: int | None = None
    times: int = 0


_armed: dict[Failpoint, Fault] = {}


async def reach(point: Failpoint) -> None:
    """Come by a failpoint. Costs next to nothing while none is armed."""
    if _armed:
        await _come_by(point)


def arm(text: str) -> None:
    """Arm what `text` says, in the place of what was armed; called once, when a process starts.

    Raises:
        FailpointsRefused: nothing was changed.
    """
    faults = parse(text)
    _armed.clear()
    _armed.update(faults)
    if faults:
        log.warning("failpoints are armed: this process will fail on purpose", failpoints=text)


def parse(text: str) -> Mapping[Failpoint, Fault]:
    """What happens where.

    Raises:
        FailpointsRefused: the sentence says what is wrong with which entry.
    """
    known = {point.label: point for point in Failpoint}
    found: dict[Failpoint, Fault] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        read = _ENTRY.fullmatch(entry)
        if read is None:
            raise FailpointsRefused(f"`{entry}` is not of the form name=action[:seconds][@n]")
        point = known.get(read["label"])
        if point is None:
            raise FailpointsRefused(f"there is no failpoint `{read['label']}`")
        if point in found:
            raise FailpointsRefused(f"`{point.label}` is named twice")
        if read["action"] not in _ACTIONS:
            raise FailpointsRefused(
                f"`{read['action']}` is no action; there are {', '.join(_ACTIONS)}"
            )
        if (read["action"] == "sleep") != (read["seconds"] is not None):
            raise FailpointsRefused(f"`{entry}`: sleep needs :seconds, and nothing else has them")
        found[point] = Fault(
            read["action"],
            float(read["seconds"] or 0),
            None if read["nth"] is None else int(read["nth"]),
        )
    return found


async def _come_by(point: Failpoint) -> None:
    fault = _armed.get(point)
    if fault is None:
        return
    fault.times += 1
    if fault.nth is not None and fault.times != fault.nth:
        return
    log.warning("failpoint reached", failpoint=point.label, action=fault.action)
    match fault.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            # Not SystemExit: libraries whose tasks we run in catch even that.
            os._exit(EXIT_CODE)
        case "stop":
            os.kill(os.getpid(), signal.SIGTERM)
        case "raise":
            raise FailpointRaised(point.label)
        case "sleep":
            await asyncio.sleep(fault.seconds)
        case _:
            await asyncio.Event().wait()
