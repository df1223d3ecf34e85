"""Deliveries: the states of one message to one recipient, and what may follow what.

Pure: a delivery and what happened to it give the delivery as it is then, and
the facts to announce. Every delivery ends sent, failed, skipped or held, or is
still on its way; nothing but a reply of the mail server makes it sent.

Between the first byte of DATA and the server's reply nobody can know whether
the message arrived. A delivery caught there becomes uncertain, and its
template's policy says what that means: send the same message again, or hold
it until a person has decided. A message that is uncertain again and again is
held whatever the policy, so that nobody gets it without end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from samband_contracts.deliveries import DeliverySettled
from samband_contracts.values import Outcome
from samband_kit.errors import Conflict, NotFound, TransitionRefused

from samband_notifications.deliveries.domain.happenings import (
    Accepted,
    Claim,
    GiveUp,
    Happening,
    LeaseEnded,
    LostAfter,
    NotSent,
    QueueAgain,
    Reason,
    Received,
    Refused,
    RefusedForNow,
    Release,
    Resolve,
    Skip,
    Start,
)
from samband_notifications.notifications.domain import Policy

if TYPE_CHECKING:
    from uuid import UUID


class State(StrEnum):
    """Where a delivery is on its way."""

    QUEUED = "queued"
    SENDING = "sending"
    WAITING = "waiting"
    UNCERTAIN = "uncertain"
    HELD = "held"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


class DeliveryUnknown(NotFound):
    """This mailing does not exist."""


class DecidedAlready(Conflict):
    """Somebody has decided about this mailing already, or it has gone on by itself."""


MOST_DOUBTS = 5
"""So often the same message is sent into silence before a person is asked."""
BACKOFF_CAP = timedelta(minutes=15)
_REFUSAL_WAIT = timedelta(seconds=20)
_LOSS_WAIT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one recipient.

    `started` says that DATA may have begun under the present lease. `attempts`
    counts leases that ended without success since staff last looked, `doubts`
    those of them after which the message may have arrived. `due_in` is the
    time until the next attempt, None where there is none.
    """

    delivery_id: UUID
    notification_id: UUID
    contact_id: UUID
    template: str
    policy: Policy
    state: State = State.QUEUED
    started: bool = False
    attempts: int = 0
    doubts: int = 0
    reason: Reason | None = None
    due_in: timedelta | None = timedelta(0)


_POSSIBLE: dict[State, tuple[type[Happening], ...]] = {
    State.QUEUED: (Claim, Skip),
    State.WAITING: (Claim, Skip),
    State.SENDING: (Start, Release, Refused, NotSent, LeaseEnded, Skip),
    State.UNCERTAIN: (Resolve, QueueAgain, GiveUp, Skip),
    State.HELD: (QueueAgain, GiveUp, Skip),
    State.FAILED: (QueueAgain,),
    State.SENT: (Received,),
    State.DELIVERED: (Received,),
    State.SKIPPED: (),
}
# What is under way cannot be called back.
_POSSIBLE_STARTED: tuple[type[Happening], ...] = (
    Release,
    Accepted,
    RefusedForNow,
    Refused,
    NotSent,
    LostAfter,
    LeaseEnded,
)


def happen(
    delivery: Delivery, happening: Happening
) -> tuple[Delivery, tuple[DeliverySettled, ...]]:
    """The delivery after `happening`, and the facts to announce.

    Raises:
        TransitionRefused: it cannot happen in this state; names what can.
    """
    then = _next(delivery, happening)
    if then is None:
        raise TransitionRefused(
            type(happening).__name__, delivery.state, [kind.__name__ for kind in possible(delivery)]
        )
    return then, _announced(delivery, then)


def possible(delivery: Delivery) -> tuple[type[Happening], ...]:
    """What may happen to the delivery now."""
    if delivery.started and delivery.state is State.SENDING:
        return _POSSIBLE_STARTED
    return _POSSIBLE[delivery.state]


def possible_in(state: State) -> tuple[type[Happening], ...]:
    """What may happen in a state, before anything has begun."""
    return _POSSIBLE[state]


def _next(delivery: Delivery, happening: Happening) -> Delivery | None:
    if type(happening) not in possible(delivery):
        return None
    match happening:
        case Claim():
            return _claimed(delivery, happening)
        case Start():
            return replace(delivery, started=True)
        case Release():
            return _to(delivery, State.QUEUED, delivery.reason, timedelta(0))
        case Accepted():
            return _to(delivery, State.SENT, None)
        case RefusedForNow(jitter):
            tried = replace(delivery, attempts=delivery.attempts + 1)
            wait = backoff(tried.attempts, jitter, _REFUSAL_WAIT)
            return _to(tried, State.WAITING, Reason.REFUSED_FOR_NOW, wait)
        case Refused(reason):
            return _to(delivery, State.FAILED, reason)
        case NotSent(jitter, reason):
            tried = replace(delivery, attempts=delivery.attempts + 1)
            wait = backoff(tried.attempts, jitter, _LOSS_WAIT)
            return _to(tried, State.QUEUED, reason, wait)
        case LostAfter():
            return _doubted(delivery, Reason.NO_REPLY)
        case LeaseEnded():
            if delivery.started:
                return _doubted(delivery, Reason.WORKER_LOST)
            return _to(delivery, State.QUEUED, Reason.WORKER_LOST, timedelta(0))
        case Resolve(jitter):
            if delivery.policy is Policy.HOLD or delivery.doubts >= MOST_DOUBTS:
                return _to(delivery, State.HELD, delivery.reason)
            wait = backoff(delivery.doubts, jitter, _REFUSAL_WAIT)
            return _to(delivery, State.QUEUED, delivery.reason, wait)
        case Skip(reason):
            return _to(delivery, State.SKIPPED, reason)
        case QueueAgain():
            fresh = replace(delivery, attempts=0, doubts=0)
            return _to(fresh, State.QUEUED, Reason.BY_STAFF, timedelta(0))
        case GiveUp():
            return _to(delivery, State.FAILED, Reason.BY_STAFF)
        case Received():
            return _to(delivery, State.DELIVERED, None)


def _claimed(delivery: Delivery, claim: Claim) -> Delivery:
    if claim.erased:
        return _to(delivery, State.SKIPPED, Reason.ERASED)
    if claim.superseded:
        return _to(delivery, State.SKIPPED, Reason.SUPERSEDED)
    if claim.duplicate:
        return _to(delivery, State.SKIPPED, Reason.DUPLICATE)
    if claim.expires_at is not None and claim.expires_at <= claim.now:
        return _to(delivery, State.SKIPPED, Reason.TOO_LATE)
    return replace(delivery, state=State.SENDING, started=False, due_in=None)


def _doubted(delivery: Delivery, reason: Reason) -> Delivery:
    doubted = replace(delivery, attempts=delivery.attempts + 1, doubts=delivery.doubts + 1)
    return _to(doubted, State.UNCERTAIN, reason)


def _to(
    delivery: Delivery, state: State, reason: Reason | None, due_in: timedelta | None = None
) -> Delivery:
    return replace(delivery, state=state, started=False, reason=reason, due_in=due_in)


def backoff(attempt: int, jitter: float, first: timedelta) -> timedelta:
    """Doubled with each attempt up to `BACKOFF_CAP`, then flat for ever; 0.75 to 1.25 of that."""
    doubled = first * (1 << min(attempt - 1, 12))
    return min(doubled, BACKOFF_CAP) * (0.75 + jitter / 2)


# An uncertain delivery is resolved in the same breath, so that state is never the news.
_OUTCOMES = {
    State.SENT: Outcome.SENT,
    State.FAILED: Outcome.FAILED,
    State.SKIPPED: Outcome.SKIPPED,
    State.HELD: Outcome.HELD,
}


def _announced(before: Delivery, then: Delivery) -> tuple[DeliverySettled, ...]:
    outcome = _OUTCOMES.get(then.state)
    if outcome is None or then.state is before.state:
        return ()
    return (
        DeliverySettled(
            delivery_id=then.delivery_id,
            notification_id=then.notification_id,
            contact_id=then.contact_id,
            template=then.template,
            outcome=outcome,
            reason=then.reason,
        ),
    )
