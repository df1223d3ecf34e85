"""The checker: a whole observation passes, and each thing that is wrong with one is named and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from tests.faults.cases import Invariant
from tests.faults.history import Command, History, Outcome
from tests.faults.invariants import Violated, check, violations
from tests.faults.observation import (
    Asked,
    Consumer,
    Delivery,
    Effect,
    Fact,
    Logged,
    Observation,
    Posted,
    Waiting,
)

TOPIC, KEY, TYPE = "samband.public.things", "key", "thing.said.v1"


def event(number: int) -> UUID:
    return UUID(int=number)


def fact(number: int) -> Fact:
    return Fact(TOPIC, KEY, number, event(number), TYPE, None)


def logged(number: int, offset: int) -> Logged:
    return Logged(TOPIC, 0, offset, KEY, number, event(number), TYPE)


def effect(number: int) -> Effect:
    return Effect(TOPIC, KEY, number, event(number))


def consumer(effects: Sequence[Effect], *, position: int, committed: int) -> Consumer:
    return Consumer(
        "reader",
        {TOPIC: frozenset({TYPE})},
        effects,
        {(TOPIC, KEY): position},
        committed={(TOPIC, 0): committed},
    )


def asked(outcome: Outcome, facts: Sequence[Fact], *, wanted: int = 1, done: int = 1) -> Asked:
    command = Command("the command")
    command.outcome = outcome
    return Asked(command, facts, wanted, done)


MAIL = Delivery(event(9), "sent", "kim@lund.example", "Kim", 0)
POSTED = Posted(f"<{event(9).hex}@house>", "kim@lund.example", "To Kim")
WELL = Observation(
    outbox=[fact(1), fact(2), fact(3)],
    log=[logged(1, 0), logged(2, 1), logged(3, 2)],
    consumers=[consumer([effect(1), effect(2), effect(3)], position=3, committed=3)],
    asked=[asked(Outcome.OK, [fact(1), fact(2), fact(3)], wanted=3)],
    deliveries=[MAIL],
    mails=[POSTED],
    planned=True,
)
LATE_TWICE = [logged(1, 0), logged(2, 1), logged(1, 2), logged(2, 3), logged(3, 4)]


def test_what_is_well_passes_and_so_do_repetitions_after_an_unplanned_end() -> None:
    assert not violations(WELL)
    # A relay that was killed begins again: the order counts by first occurrence.
    reader = consumer([effect(1), effect(2), effect(3)], position=3, committed=5)
    assert not violations(replace(WELL, log=LATE_TWICE, consumers=[reader], planned=False))


def test_a_parked_record_is_neither_lost_nor_passed_over() -> None:
    waiting = Waiting(TOPIC, 0, 2, KEY, 3, "failed")
    reader = replace(consumer([effect(1), effect(2)], position=2, committed=3), parked=[waiting])
    assert not violations(replace(WELL, consumers=[reader]))


@pytest.mark.parametrize(
    ("broken", "seen", "sentence"),
    [
        (
            Invariant.I1,
            replace(WELL, asked=[asked(Outcome.OK, [])]),
            "the command was acknowledged, and of its 1 facts 0 are in the outbox",
        ),
        (
            Invariant.I1,
            replace(WELL, log=WELL.log[:2], consumers=()),
            "a fact of the outbox is not in Kafka",
        ),
        (
            Invariant.I1,
            replace(
                WELL,
                consumers=[consumer([effect(1), effect(2)], position=3, committed=3)],
            ),
            "reader has neither applied nor parked a record",
        ),
        (
            Invariant.I2,
            replace(WELL, asked=[asked(Outcome.REFUSED, [fact(1)])]),
            "the command was refused",
        ),
        (
            Invariant.I2,
            replace(WELL, asked=[asked(Outcome.UNKNOWN, [fact(1)], wanted=2)]),
            "the command happened by halves",
        ),
        (Invariant.I2, replace(WELL, unasked=[fact(3)]), "nobody asked for a fact"),
        (Invariant.I2, replace(WELL, outbox=WELL.outbox[:2]), "a record is in no outbox"),
        (
            Invariant.I2,
            replace(
                WELL,
                consumers=[
                    consumer([*WELL.consumers[0].effects, effect(4)], position=4, committed=3)
                ],
            ),
            "reader applied no record",
        ),
        (
            Invariant.I3,
            replace(WELL, log=[logged(1, 0), logged(3, 1), logged(2, 2)]),
            "3 comes first after 1",
        ),
        (
            Invariant.I3,
            replace(
                WELL,
                consumers=[consumer([effect(1), effect(3), effect(2)], position=3, committed=3)],
            ),
            "2 comes first after 3",
        ),
        (
            Invariant.I4,
            replace(
                WELL,
                consumers=[
                    consumer([*WELL.consumers[0].effects, effect(3)], position=3, committed=3)
                ],
            ),
            "reader has 2 effects of one event",
        ),
        (
            Invariant.I4,
            replace(WELL, asked=[asked(Outcome.OK, WELL.outbox, wanted=3, done=2)]),
            "the command took effect 2 times",
        ),
        (
            Invariant.I5,
            replace(WELL, deliveries=[replace(MAIL, state="sending")]),
            "a delivery is not settled",
        ),
        (
            Invariant.I6,
            replace(WELL, mails=[POSTED, POSTED], planned=False),
            "a mail came 2 times and was in doubt 0 times",
        ),
        (
            Invariant.I7,
            replace(WELL, mails=[replace(POSTED, recipient="eve@elsewhere.example")]),
            "a mail went to somebody else",
        ),
        (
            Invariant.I7,
            replace(WELL, mails=[replace(POSTED, text="To Kimberley")]),
            "a mail speaks to somebody else",
        ),
        (Invariant.I7, replace(WELL, mails=[]), "a mail is called sent and never came"),
        (
            Invariant.I7,
            replace(WELL, mails=[POSTED, replace(POSTED, message_id="<other@house>")]),
            "a mail belongs to no delivery",
        ),
        (
            Invariant.I12,
            replace(WELL, log=LATE_TWICE),
            "a planned stop repeated something",
        ),
        (
            Invariant.I13,
            replace(WELL, consumers=[consumer([effect(1), effect(2)], position=2, committed=3)]),
            "reader has committed past a record that it has not settled",
        ),
    ],
)
def test_what_is_wrong_is_named(broken: Invariant, seen: Observation, sentence: str) -> None:
    assert [one for one in violations(seen) if one.invariant is broken and sentence in one.sentence]


def test_the_smallest_contradiction_is_shown_with_how_to_repeat_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "relay.sent-kill0"
    folder.mkdir()
    history = History(folder, 4711)
    lost = [fact(number) for number in range(1, 51)]
    with pytest.raises(Violated) as found:
        check(replace(WELL, outbox=lost), history.about)
    said = str(found.value)
    assert said.startswith("I1 (no event is lost): a fact of the outbox is not in Kafka")
    assert said.count("Fact(") == 1
    assert "47 contradictions of I1" in said
    assert "seed 4711" in said
    assert "make faults ARGS='-k relay.sent-kill --first-seed 4711'" in said


def test_the_history_keeps_what_was_given_and_how_it_ended(tmp_path: Path) -> None:
    history = History(tmp_path, 1)
    with history.given("one", key="a") as command:
        command.outcome = Outcome.OK
    with pytest.raises(ConnectionError), history.given("two"):
        raise ConnectionError
    lines = history.path.read_text().splitlines()
    assert len(lines) == 4
    assert '"outcome": "ok"' in lines[1]
    assert '"outcome": "unknown"' in lines[3]
    assert history.commands["two"].outcome is Outcome.UNKNOWN
