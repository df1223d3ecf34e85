"""Happenings: what can happen to a delivery, as values that the domain decides on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime


class Reason(StrEnum):
    """Why a delivery is where it is, when that is not plain sailing."""

    SUPERSEDED = "superseded"
    DUPLICATE = "duplicate"
    TOO_LATE = "too_late"
    ERASED = "erased"
    NO_LONGER_MEMBER = "no_longer_member"
    REFUSED = "refused"
    REFUSED_FOR_NOW = "refused_for_now"
    UNUSABLE_ADDRESS = "unusable_address"
    UNSAFE_CONTENT = "unsafe_content"
    CANNOT_BE_WRITTEN = "cannot_be_written"
    CONNECTION_LOST = "connection_lost"
    NO_REPLY = "no_reply"
    WORKER_LOST = "worker_lost"
    BY_STAFF = "by_staff"


@dataclass(frozen=True, slots=True)
class Claim:
    """A sender takes the delivery; it looks first whether there is still a point."""

    now: datetime
    erased: bool = False
    superseded: bool = False
    duplicate: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The sender is about to begin DATA."""


@dataclass(frozen=True, slots=True)
class Release:
    """The sender gives the delivery back without having begun DATA."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took the message."""


@dataclass(frozen=True, slots=True)
class RefusedForNow:
    """The server said 4xx. `jitter` in 0..1 spreads the next attempts."""

    jitter: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The server, or our own check of what it would get, said never."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class NotSent:
    """It did not come to sending: no connection, or no message. `jitter` as above."""

    jitter: float
    reason: Reason = Reason.CONNECTION_LOST


@dataclass(frozen=True, slots=True)
class LostAfter:
    """The connection broke after DATA had begun, and no reply came."""


@dataclass(frozen=True, slots=True)
class LeaseEnded:
    """The worker that held the delivery did not come back in time."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """The template's policy decides about an uncertain delivery. `jitter` as above."""

    jitter: float


@dataclass(frozen=True, slots=True)
class Skip:
    """There is no point any more."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class QueueAgain:
    """Staff: send it."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Staff: do not send it."""


@dataclass(frozen=True, slots=True)
class Received:
    """A receipt says that the message reached its mailbox."""


Happening: TypeAlias = (
    Claim
    | Start
    | Release
    | Accepted
    | RefusedForNow
    | Refused
    | NotSent
    | LostAfter
    | LeaseEnded
    | Resolve
    | Skip
    | QueueAgain
    | GiveUp
    | Received
)
