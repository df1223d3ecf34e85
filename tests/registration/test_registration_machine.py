"""The state machine of an interest registration, as domain.md draws it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from samband_contracts.registrations import RegistrationEvent
from samband_contracts.values import Organisation, OrganisationKind
from samband_kit.errors import TransitionRefused
from samband_registration.registrations.domain.duplicates import (
    JoinedEnded,
    absorb,
    first_of_same,
)
from samband_registration.registrations.domain.machine import (
    ALLOWED,
    STANDING,
    Accept,
    Command,
    Confirm,
    ConfirmationLate,
    ContactMissing,
    Decline,
    Expire,
    Keep,
    Merge,
    Open,
    Registration,
    SenderNotHuman,
    State,
    Submit,
    Withdraw,
    decide,
    trigger_of,
)
from samband_registration.registrations.domain.reference import (
    POSSIBLE,
    read_reference,
    reference,
)

NOW = datetime(2027, 2, 9, 9, 0, tzinfo=UTC)
CALL, SENDER, OTHER, FIRST = (UUID(int=number) for number in range(1, 5))
LUND = Organisation(
    organisation_id=UUID(int=10),
    name="Lunds kommun",
    kind=OrganisationKind.MUNICIPALITY,
    country="SE",
    code="1281",
)


def abroad(number: int, name: str) -> Organisation:
    return Organisation(
        organisation_id=UUID(int=number),
        name=name,
        kind=OrganisationKind.FOREIGN_LOCAL_GOVERNMENT,
        country="BW",
    )


FRANCISTOWN, LOBATSE = abroad(20, "Francistown"), abroad(21, "Lobatse")
DRAFT = Registration(
    registration_id=UUID(int=30),
    call_id=CALL,
    reference=reference(1),
    organisation=LUND,
    counterpart="undecided",
    theme="undecided",
)
COMMANDS: dict[str, Command] = {
    "submit": Submit(SENDER, human=True),
    "confirm": Confirm(duplicate_of=None),
    "merge": Merge(into=FIRST),
    "keep": Keep(),
    "open": Open(),
    "accept": Accept(),
    "decline": Decline(),
    "withdraw": Withdraw(),
    "expire": Expire(),
}


def in_state(state: State, **changed: object) -> Registration:
    made = replace(
        DRAFT,
        state=state,
        contact_ids=() if state is State.DRAFT else (SENDER,),
        expires_at=NOW + timedelta(hours=72),
    )
    return replace(made, **changed)  # type: ignore[arg-type] # fields by name


def type_of(event: RegistrationEvent) -> str:
    return event.TYPE.split(".")[-2]


@pytest.mark.parametrize(
    ("state", "command", "result", "fact"),
    [
        (State.DRAFT, COMMANDS["submit"], State.UNVERIFIED, "received"),
        (State.UNVERIFIED, COMMANDS["confirm"], State.SUBMITTED, "submitted"),
        (State.UNVERIFIED, Confirm(duplicate_of=FIRST), State.IN_REVIEW, "flagged"),
        (State.UNVERIFIED, COMMANDS["withdraw"], State.WITHDRAWN, "withdrawn"),
        (State.IN_REVIEW, COMMANDS["merge"], State.MERGED, "merged"),
        (State.IN_REVIEW, COMMANDS["keep"], State.SUBMITTED, "submitted"),
        (State.IN_REVIEW, COMMANDS["withdraw"], State.WITHDRAWN, "withdrawn"),
        (State.SUBMITTED, COMMANDS["open"], State.IN_DIALOGUE, "opened"),
        (State.SUBMITTED, COMMANDS["withdraw"], State.WITHDRAWN, "withdrawn"),
        (State.IN_DIALOGUE, COMMANDS["accept"], State.ACCEPTED, "accepted"),
        (State.IN_DIALOGUE, COMMANDS["decline"], State.DECLINED, "declined"),
        (State.IN_DIALOGUE, COMMANDS["withdraw"], State.WITHDRAWN, "withdrawn"),
        (State.WAITLISTED, COMMANDS["accept"], State.ACCEPTED, "accepted"),
        (State.WAITLISTED, COMMANDS["withdraw"], State.WITHDRAWN, "withdrawn"),
    ],
)
def test_a_trigger_leads_where_the_drawing_says(
    state: State, command: Command, result: State, fact: str
) -> None:
    after, events = decide(in_state(state), command, NOW)
    assert after.state is result
    assert [type_of(event) for event in events] == [fact]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("trigger", COMMANDS)
def test_what_the_state_does_not_allow_is_refused_by_naming_what_it_does(
    state: State, trigger: str
) -> None:
    if trigger in ALLOWED[state]:
        return
    with pytest.raises(TransitionRefused) as refused:
        decide(in_state(state), COMMANDS[trigger], NOW)
    assert all(allowed in str(refused.value) for allowed in ALLOWED[state])


def test_nobody_submits_without_an_address_or_as_a_machine() -> None:
    with pytest.raises(ContactMissing):
        decide(DRAFT, Submit(None, human=True), NOW)
    with pytest.raises(SenderNotHuman):
        decide(DRAFT, Submit(SENDER, human=False), NOW)


def test_an_address_can_be_confirmed_for_72_hours_and_not_longer() -> None:
    sent, _ = decide(DRAFT, COMMANDS["submit"], NOW)
    deadline = NOW + timedelta(hours=72)
    assert sent.expires_at == deadline
    confirmed, _ = decide(sent, COMMANDS["confirm"], deadline - timedelta(seconds=1))
    assert confirmed.state is State.SUBMITTED
    with pytest.raises(ConfirmationLate):
        decide(sent, COMMANDS["confirm"], deadline)
    with pytest.raises(TransitionRefused):
        decide(sent, Expire(), deadline - timedelta(seconds=1))
    expired, (event,) = decide(sent, Expire(), deadline)
    assert (expired.state, type_of(event)) == (State.EXPIRED, "expired")


SAME_CALL = in_state(State.SUBMITTED, registration_id=FIRST, confirmed_at=NOW)


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ("undecided", "undecided", True),
        (FRANCISTOWN, "undecided", True),
        ("undecided", FRANCISTOWN, True),
        (FRANCISTOWN, FRANCISTOWN, True),
        (FRANCISTOWN, LOBATSE, False),
    ],
)
def test_two_registrations_are_the_same_unless_both_decided_on_different_counterparts(
    mine: object, theirs: object, same: bool
) -> None:
    new = in_state(State.UNVERIFIED, counterpart=mine)
    other = replace(SAME_CALL, counterpart=theirs)  # type: ignore[arg-type] # as parametrised
    assert first_of_same(new, [other]) == (other if same else None)


@pytest.mark.parametrize("state", sorted(set(State) - STANDING))
def test_what_has_ended_or_was_never_confirmed_is_nobodys_duplicate(state: State) -> None:
    assert first_of_same(DRAFT, [replace(SAME_CALL, state=state)]) is None


def test_the_first_is_the_one_that_was_confirmed_first() -> None:
    later = replace(SAME_CALL, registration_id=OTHER, confirmed_at=NOW + timedelta(hours=1))
    assert first_of_same(DRAFT, [later, SAME_CALL]) == SAME_CALL


def test_another_call_or_another_organisation_is_no_duplicate() -> None:
    others = [
        replace(SAME_CALL, call_id=OTHER),
        replace(SAME_CALL, organisation=FRANCISTOWN),
        replace(SAME_CALL, registration_id=DRAFT.registration_id),
    ]
    assert first_of_same(DRAFT, others) is None


def test_contact_persons_follow_once() -> None:
    joined = absorb(SAME_CALL, in_state(State.MERGED, contact_ids=(OTHER, SENDER)))
    assert joined.contact_ids == (SENDER, OTHER)
    with pytest.raises(JoinedEnded):
        absorb(replace(SAME_CALL, state=State.DECLINED), in_state(State.MERGED))


@pytest.mark.parametrize("number", [0, 1, 48291563, POSSIBLE - 1])
def test_a_reference_number_notices_one_wrong_digit_and_two_swapped_ones(number: int) -> None:
    digits = reference(number).replace("-", "")
    assert read_reference(" ".join(digits)) == reference(number)
    for place, digit in enumerate(digits):
        for wrong in set("0123456789") - {digit}:
            assert read_reference(digits[:place] + wrong + digits[place + 1 :]) is None
    for place in range(len(digits) - 1):
        swapped = digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
        assert swapped == digits or read_reference(swapped) is None


@pytest.mark.parametrize("typed", ["", "482", "482-915-63x", "١٢٣٤٥٦٧٨٩", "4829156371"])
def test_what_is_no_reference_number_is_not_read_as_one(typed: str) -> None:
    assert read_reference(typed) is None


class Life(RuleBasedStateMachine):
    """Any commands in any order, at any time, on one registration."""

    def __init__(self) -> None:
        super().__init__()
        self.registration = DRAFT
        self.now = NOW
        self.events: list[RegistrationEvent] = []
        self.states = [DRAFT.state]

    @rule(hours=st.integers(min_value=0, max_value=80))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(trigger=st.sampled_from(sorted(COMMANDS)), duplicate=st.booleans())
    def command(self, trigger: str, duplicate: bool) -> None:
        command = (
            Confirm(FIRST if duplicate else None) if trigger == "confirm" else COMMANDS[trigger]
        )
        before = self.registration
        try:
            self.registration, events = decide(before, command, self.now)
        except TransitionRefused:
            assert trigger not in ALLOWED[before.state] or trigger == "expire"
            return
        except ConfirmationLate:
            assert before.expires_at is not None
            assert self.now >= before.expires_at
            return
        assert trigger_of(command) in ALLOWED[before.state]
        self.events += events
        self.states.append(self.registration.state)

    @precondition(lambda self: self.registration.state is not State.DRAFT)
    @invariant()
    def every_transition_emitted_one_event(self) -> None:
        assert len(self.events) == len(self.states) - 1
        assert {event.key for event in self.events} == {str(DRAFT.registration_id)}

    @invariant()
    def a_state_is_never_entered_twice(self) -> None:
        assert len(set(self.states)) == len(self.states)

    @invariant()
    def what_stands_was_confirmed_in_time(self) -> None:
        if self.registration.state in STANDING:
            assert self.registration.confirmed_at is not None
            assert self.registration.expires_at is not None
            assert self.registration.confirmed_at < self.registration.expires_at

    @invariant()
    def what_ended_without_a_place_says_when(self) -> None:
        without = {State.DECLINED, State.WITHDRAWN, State.EXPIRED}
        assert (self.registration.state in without) == (self.registration.ended_at is not None)


TestLife: Callable[..., object] = Life.TestCase
Life.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
