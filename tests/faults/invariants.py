"""Invariants: what must be true of an observation, and the smallest thing that shows it is not.

`check` compares and raises `Violated` with the invariant, the few rows that
contradict it, the seed and the command that repeats the run. Each function
here yields what it finds; the shortest of all that is found is shown, since
one lost record and a hundred mean the same.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.faults.cases import MEANING, Invariant
from tests.faults.history import Outcome
from tests.faults.observation import sequences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.observation import Consumer, Effect, Logged, Observation

_SETTLED: Final = frozenset({"sent", "delivered", "failed", "skipped", "held"})
_MOST_ROWS = 8


@dataclass(frozen=True)
class Violation:
    """One contradiction, and the rows in which it can be seen."""

    invariant: Invariant
    sentence: str
    rows: tuple[object, ...]

    def __str__(self) -> str:
        rows = "".join(f"\n    {row}" for row in self.rows[:_MOST_ROWS])
        return f"{self.invariant} ({MEANING[self.invariant]}): {self.sentence}{rows}"


class Violated(AssertionError):
    """Something that must hold does not."""

    def __init__(self, violations: Sequence[Violation], about: str) -> None:
        broken = sorted({one.invariant for one in violations})
        super().__init__(
            f"{violations[0]}\n  {len(violations)} contradictions of {', '.join(broken)}\n  {about}"
        )
        self.invariants = frozenset(broken)


def violations(seen: Observation) -> list[Violation]:
    """All contradictions, the smallest first."""
    found = [one for check in _CHECKS for one in check(seen)]
    return sorted(found, key=lambda one: (len(one.rows), one.invariant, one.sentence))


def check(seen: Observation, about: str = "") -> None:
    """Compare; `about` is how to run it again.

    Raises:
        Violated: something does not hold.
    """
    found = violations(seen)
    if found:
        raise Violated(found, about)


def _no_event_lost(seen: Observation) -> Iterator[Violation]:
    for asked in seen.asked:
        if asked.command.outcome is Outcome.OK and len(asked.facts) < asked.wanted:
            yield Violation(
                Invariant.I1,
                f"{asked.command.name} was acknowledged, and of its {asked.wanted} facts"
                f" {len(asked.facts)} are in the outbox",
                tuple(asked.facts),
            )
    logged = {record.event_id for record in seen.log}
    for fact in seen.outbox:
        if fact.event_id not in logged:
            yield Violation(Invariant.I1, "a fact of the outbox is not in Kafka", (fact,))
    for consumer in seen.consumers:
        yield from _no_record_lost(seen.log, consumer)


def _no_record_lost(log: Sequence[Logged], consumer: Consumer) -> Iterator[Violation]:
    had = {effect.event_id for effect in consumer.effects}
    parked = {(one.topic, one.key, one.sequence) for one in consumer.parked}
    for record in log:
        handled = record.event_type in consumer.handled.get(record.topic, ())
        if (
            handled
            and record.event_id not in had
            and (record.topic, record.key, record.sequence) not in parked
        ):
            yield Violation(
                Invariant.I1,
                f"{consumer.name} has neither applied nor parked a record",
                (record, f"position {consumer.positions.get((record.topic, record.key))}"),
            )


def _no_phantom(seen: Observation) -> Iterator[Violation]:
    for asked in seen.asked:
        if asked.command.outcome is Outcome.REFUSED and asked.facts:
            yield Violation(Invariant.I2, f"{asked.command.name} was refused", tuple(asked.facts))
        if asked.command.outcome is Outcome.UNKNOWN and 0 < len(asked.facts) < asked.wanted:
            sentence = f"{asked.command.name} happened by halves"
            yield Violation(Invariant.I2, sentence, tuple(asked.facts))
    for fact in seen.unasked:
        yield Violation(Invariant.I2, "nobody asked for a fact of the outbox", (fact,))
    written = {fact.event_id for fact in seen.outbox}
    for record in seen.log:
        if record.event_id not in written:
            yield Violation(Invariant.I2, "a record is in no outbox", (record,))
    logged = {record.event_id for record in seen.log}
    for consumer in seen.consumers:
        for effect in consumer.effects:
            if effect.event_id not in logged:
                yield Violation(Invariant.I2, f"{consumer.name} applied no record", (effect,))


def _order_kept(seen: Observation) -> Iterator[Violation]:
    for (topic, key), records in sequences(seen.log).items():
        first: dict[object, Logged] = {}
        for record in records:
            first.setdefault(record.event_id, record)
        yield from _rising(f"in Kafka, {topic} {key}", list(first.values()), begins=True)
    for consumer in seen.consumers:
        for (topic, key), effects in sequences(consumer.effects).items():
            once = list(dict.fromkeys(effects))
            yield from _rising(f"at {consumer.name}, {topic} {key}", once, begins=False)


def _rising(where: str, rows: Sequence[Logged | Effect], *, begins: bool) -> Iterator[Violation]:
    if begins and rows and rows[0].sequence != 1:
        yield Violation(Invariant.I3, f"{where} does not begin with 1", (rows[0],))
    for one, following in pairwise(rows):
        if following.sequence <= one.sequence or (
            begins and following.sequence != one.sequence + 1
        ):
            yield Violation(
                Invariant.I3,
                f"{where}: {following.sequence} comes first after {one.sequence}",
                (one, following),
            )


def _one_effect(seen: Observation) -> Iterator[Violation]:
    for asked in seen.asked:
        if asked.done > 1:
            sentence = f"{asked.command.name} took effect {asked.done} times"
            yield Violation(Invariant.I4, sentence, tuple(asked.facts))
    for consumer in seen.consumers:
        by_event: dict[object, list[Effect]] = defaultdict(list)
        for effect in consumer.effects:
            by_event[effect.event_id].append(effect)
        for effects in by_event.values():
            if len(effects) > 1:
                yield Violation(
                    Invariant.I4,
                    f"{consumer.name} has {len(effects)} effects of one event",
                    tuple(effects),
                )


def _deliveries_settled(seen: Observation) -> Iterator[Violation]:
    for delivery in seen.deliveries:
        if delivery.state not in _SETTLED:
            yield Violation(Invariant.I5, "a delivery is not settled", (delivery,))


def _mails_once(seen: Observation) -> Iterator[Violation]:
    if not seen.deliveries:
        return
    doubts = {one.delivery_id.hex: one.doubts for one in seen.deliveries}
    copies = Counter(mail.message_id.strip("<>").partition("@")[0] for mail in seen.mails)
    for delivery_id, count in copies.items():
        allowed = 1 + doubts.get(delivery_id, 0)
        if count > allowed:
            rows = tuple(mail for mail in seen.mails if delivery_id in mail.message_id)
            sentence = f"a mail came {count} times and was in doubt {allowed - 1} times"
            yield Violation(Invariant.I6, sentence, rows)


def _nothing_twice(seen: Observation) -> Iterator[Violation]:
    if not seen.planned:
        return
    records: dict[object, list[object]] = defaultdict(list)
    for record in seen.log:
        records[record.event_id].append(record)
    for mail in seen.mails:
        records[mail.message_id].append(mail)
    for copies in records.values():
        if len(copies) > 1:
            yield Violation(Invariant.I12, "a planned stop repeated something", tuple(copies))


def _right_mails(seen: Observation) -> Iterator[Violation]:
    recipients = {one.delivery_id.hex: one for one in seen.deliveries}
    arrived = set()
    for mail in seen.mails:
        delivery_id = mail.message_id.strip("<>").partition("@")[0]
        delivery = recipients.get(delivery_id)
        if seen.deliveries and delivery is None:
            yield Violation(Invariant.I7, "a mail belongs to no delivery", (mail,))
        elif delivery is not None and delivery.recipient != mail.recipient:
            yield Violation(Invariant.I7, "a mail went to somebody else", (mail, delivery))
        elif delivery is not None and delivery.name and not _names(mail.text, delivery.name):
            yield Violation(Invariant.I7, "a mail speaks to somebody else", (mail, delivery))
        arrived.add(delivery_id)
    for delivery_id, delivery in recipients.items():
        if delivery.state == "sent" and delivery_id not in arrived:
            yield Violation(Invariant.I7, "a mail is called sent and never came", (delivery,))


def _names(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", " ".join(text.split())) is not None


def _accounted_for(seen: Observation) -> Iterator[Violation]:
    for consumer in seen.consumers:
        parked = {(one.topic, one.key, one.sequence) for one in consumer.parked}
        for record in seen.log:
            passed = consumer.committed.get((record.topic, record.partition), 0) > record.offset
            reached = consumer.positions.get((record.topic, record.key), 0)
            known = (record.topic, record.key, record.sequence) in parked
            if passed and reached < record.sequence and not known:
                yield Violation(
                    Invariant.I13,
                    f"{consumer.name} has committed past a record that it has not settled",
                    (record, f"position {reached}"),
                )


_CHECKS: Final[tuple[Callable[[Observation], Iterator[Violation]], ...]] = (
    _no_event_lost,
    _no_phantom,
    _order_kept,
    _one_effect,
    _deliveries_settled,
    _mails_once,
    _nothing_twice,
    _right_mails,
    _accounted_for,
)
