"""Plan: what happens to each record of a batch, decided from positions alone.

Pure: no I/O, no clock. On event topics the next number of a key is accepted,
a lower one is a duplicate, a higher one waits. On state topics the highest
number of a key is accepted and replaces everything below it. The number that
is already applied, with another event id, is a fork: somebody's history
differs from ours, and that is never decided by code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from samband_kit.consumer.positions import Position
from samband_kit.consumer.records import Arrived, is_pulse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from samband_contracts.event import CloudEvent

    from samband_kit.reactions import Handler, Reaction


class Reason(StrEnum):
    """Why a record is parked."""

    UNPARSABLE = "unparsable"
    """No event could be made of the bytes. Waits for an operator."""
    FAILED = "failed"
    """The handler refused it. Tried again at growing intervals."""
    GAP = "gap"
    """The event before it has not arrived: a loss, unless it comes late."""
    BEHIND = "behind"
    """The event before it is parked too."""
    FORK = "fork"
    """Another event already has this number. Waits for an operator."""


@dataclass(slots=True)
class Parking:
    """A record that cannot be applied now, and why."""

    arrived: Arrived
    reason: Reason
    error: str = ""


@dataclass(slots=True)
class Plan:
    """`accepted` holds per key, keys sorted, what is applied now, in order.

    Among them may be events that nobody handles: they move the position.
    `reached` is where the keys stand when all of it has been applied.
    """

    accepted: dict[str, list[Arrived]] = field(default_factory=dict)
    reached: dict[str, Position] = field(default_factory=dict)
    duplicates: list[Arrived] = field(default_factory=list)
    ignored: list[Arrived] = field(default_factory=list)
    parked: list[Parking] = field(default_factory=list)


def keys_of(batch: Iterable[Arrived]) -> set[str]:
    """The keys whose positions decide about this batch."""
    return {one.key for one in batch if one.key is not None and one.sequence is not None}


def decide(reaction: Reaction, batch: Iterable[Arrived], positions: Mapping[str, Position]) -> Plan:
    """What happens to each record of the batch, if the keys stand at these positions."""
    plan = Plan()
    by_key: dict[str, list[Arrived]] = {}
    for one in batch:
        if one.key is not None and one.sequence is not None:
            by_key.setdefault(one.key, []).append(one)
        elif is_pulse(reaction.topic, one):
            plan.ignored.append(one)
        else:
            plan.parked.append(Parking(one, Reason.UNPARSABLE, one.complaint))
    in_order = _newest if reaction.topic.is_state else _next_ones
    for key in sorted(by_key):
        records = by_key[key]
        if len(records) > 1:
            # Stable: of two records with one number the earlier in the log comes first.
            records.sort(key=attrgetter("number"))
        in_order(reaction, plan, key, records, positions[key])
    return plan


def erased(reaction: Reaction, plan: Plan) -> dict[str, int]:
    """The keys whose newest accepted record is a tombstone, and its sequence."""
    if not reaction.topic.is_state:
        return {}
    return {
        key: records[-1].number
        for key, records in plan.accepted.items()
        if (event := records[-1].event) is not None and event.data.TOMBSTONE
    }


def handler_of(reaction: Reaction, arrived: Arrived) -> Handler | None:
    """Who handles it; None for a type that the service does not react to."""
    return None if arrived.event is None else reaction.handlers.get(type(arrived.event.data))


def rounds(
    reaction: Reaction, accepted: Mapping[str, Sequence[Arrived]]
) -> Iterator[tuple[Handler, list[CloudEvent[Any]]]]:
    """The sets to hand over, one after the other: no key twice in a set, one type each."""
    waiting: list[Sequence[Arrived]] = list(accepted.values())
    turn = 0
    while waiting:
        sets: dict[type, list[CloudEvent[Any]]] = {}
        for records in waiting:
            event = records[turn].event
            if event is not None:
                sets.setdefault(type(event.data), []).append(event)
        for event_type, events in sets.items():
            handler = reaction.handlers.get(event_type)
            if handler is not None:
                yield handler, events
        turn += 1
        waiting = [records for records in waiting if len(records) > turn]


def _next_ones(
    _reaction: Reaction, plan: Plan, key: str, records: Sequence[Arrived], position: Position
) -> None:
    at = Position(position.sequence, position.event_id)
    parked_up_to = position.parked_up_to or 0
    accepted: list[Arrived] = []
    for one in records:
        sequence = one.number
        if sequence <= at.sequence:
            _repeated(plan, one, at)
            continue
        if one.event is None:
            plan.parked.append(Parking(one, Reason.UNPARSABLE, one.complaint))
        elif sequence == at.sequence + 1:
            accepted.append(one)
            at = Position(sequence, one.event_id)
            continue
        elif parked_up_to >= sequence - 1:
            plan.parked.append(Parking(one, Reason.BEHIND))
        else:
            missing = f"{at.sequence + 1} is missing"
            plan.parked.append(Parking(one, Reason.GAP, missing))
        parked_up_to = max(parked_up_to, sequence)
    if accepted:
        plan.accepted[key] = accepted
        plan.reached[key] = at


def _newest(
    reaction: Reaction, plan: Plan, key: str, records: Sequence[Arrived], position: Position
) -> None:
    candidates = [
        one
        for one in records
        if one.number > position.sequence and handler_of(reaction, one) is not None
    ]
    # Of two with the same number, `max` takes the earlier in the log.
    winner = max(candidates, key=attrgetter("number"), default=None)
    at = position
    if winner is not None:
        at = Position(winner.number, winner.event_id)
        plan.accepted[key] = [winner]
        plan.reached[key] = at
    for one in records:
        if one is winner:
            continue
        if one.number <= at.sequence:
            _repeated(plan, one, at)
        elif one.event is None:
            plan.parked.append(Parking(one, Reason.UNPARSABLE, one.complaint))
        else:
            # Nobody here handles it, and on a state topic a gap is normal: it
            # leaves no trace, so that the newest state we do handle still counts.
            plan.ignored.append(one)


def _repeated(plan: Plan, one: Arrived, at: Position) -> None:
    is_fork = (
        one.number == at.sequence
        and at.event_id is not None
        and one.event_id is not None
        and one.event_id != at.event_id
    )
    if is_fork:
        plan.parked.append(Parking(one, Reason.FORK, f"{at.event_id} has this number"))
    else:
        plan.duplicates.append(one)
