"""Whatever happens to a delivery in whatever order: it keeps its promises."""

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from samband_contracts.deliveries import DeliverySettled
from samband_contracts.values import Outcome
from samband_kit.errors import TransitionRefused
from samband_notifications.deliveries.domain import happenings
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
from samband_notifications.deliveries.domain.machine import (
    BACKOFF_CAP,
    MOST_DOUBTS,
    Delivery,
    State,
    backoff,
    happen,
    possible,
)
from samband_notifications.notifications.domain import Policy

NOW = datetime(2027, 2, 1, tzinfo=UTC)
JITTERS = st.floats(0, 1)
HAPPENINGS: st.SearchStrategy[Happening] = st.one_of(
    st.builds(
        Claim,
        now=st.just(NOW),
        erased=st.booleans(),
        superseded=st.booleans(),
        duplicate=st.booleans(),
        expires_at=st.sampled_from([None, NOW - timedelta(1), NOW + timedelta(1)]),
    ),
    st.sampled_from(
        [Start(), Release(), Accepted(), LostAfter(), LeaseEnded(), QueueAgain(), GiveUp()]
    ),
    st.just(Received()),
    st.builds(RefusedForNow, JITTERS),
    st.builds(Refused, st.sampled_from(Reason)),
    st.builds(NotSent, JITTERS),
    st.builds(Resolve, JITTERS),
    st.builds(Skip, st.sampled_from(Reason)),
)

# What domain language says, written once more: where each thing can lead.
LEADS_TO: dict[type[Happening], dict[State, set[State]]] = {
    Claim: {
        State.QUEUED: {State.SENDING, State.SKIPPED},
        State.WAITING: {State.SENDING, State.SKIPPED},
    },
    Start: {State.SENDING: {State.SENDING}},
    Release: {State.SENDING: {State.QUEUED}},
    Accepted: {State.SENDING: {State.SENT}},
    RefusedForNow: {State.SENDING: {State.WAITING}},
    Refused: {State.SENDING: {State.FAILED}},
    NotSent: {State.SENDING: {State.QUEUED}},
    LostAfter: {State.SENDING: {State.UNCERTAIN}},
    LeaseEnded: {State.SENDING: {State.QUEUED, State.UNCERTAIN}},
    Resolve: {State.UNCERTAIN: {State.QUEUED, State.HELD}},
    Skip: {
        state: {State.SKIPPED}
        for state in (State.QUEUED, State.WAITING, State.SENDING, State.UNCERTAIN, State.HELD)
    },
    QueueAgain: {state: {State.QUEUED} for state in (State.UNCERTAIN, State.HELD, State.FAILED)},
    GiveUp: {state: {State.FAILED} for state in (State.UNCERTAIN, State.HELD)},
    Received: {State.SENT: {State.DELIVERED}, State.DELIVERED: {State.DELIVERED}},
}


def a_delivery(policy: Policy = Policy.RESEND, state: State = State.QUEUED) -> Delivery:
    return Delivery(uuid4(), uuid4(), uuid4(), "invitation", policy, state)


class DeliveryMachine(RuleBasedStateMachine):
    """Throws everything at one delivery and watches."""

    @initialize(policy=st.sampled_from(Policy))
    def begin(self, policy: Policy) -> None:
        self.delivery = a_delivery(policy)
        self.may_have_arrived = 0
        self.facts: list[DeliverySettled] = []

    @rule(happening=HAPPENINGS)
    def something_happens(self, happening: Happening) -> None:
        before = self.delivery
        kind = type(happening)
        try:
            then, facts = happen(before, happening)
        except TransitionRefused:
            assert kind not in possible(before)
            return
        assert kind in possible(before)
        assert then.state in LEADS_TO[kind][before.state]
        # Nobody ever sees the mail twice because of a state: only DATA begun in doubt counts.
        if kind in (LostAfter, LeaseEnded) and before.started:
            self.may_have_arrived += 1
        if kind is QueueAgain:
            self.may_have_arrived = 0
        if kind is Skip and before.state is State.SENDING:
            assert not before.started
        assert len(facts) == (then.state is not before.state and then.state in _SETTLED)
        self.delivery = then
        self.facts += facts

    @invariant()
    def only_a_delivery_being_sent_has_started(self) -> None:
        if self.delivery.started:
            assert self.delivery.state is State.SENDING

    @invariant()
    def what_is_to_be_tried_has_a_time_and_nothing_else_has(self) -> None:
        to_be_tried = self.delivery.state in (State.QUEUED, State.WAITING)
        assert (self.delivery.due_in is not None) == to_be_tried

    @invariant()
    def every_state_but_the_plain_ones_has_a_reason(self) -> None:
        if self.delivery.state in (State.WAITING, State.HELD, State.FAILED, State.SKIPPED):
            assert self.delivery.reason is not None

    @invariant()
    def silence_is_answered_with_the_same_mail_only_so_often(self) -> None:
        assert self.delivery.doubts == self.may_have_arrived
        resend = self.delivery.policy is Policy.RESEND
        if self.delivery.state is State.QUEUED and self.may_have_arrived:
            assert resend
            assert self.may_have_arrived < MOST_DOUBTS

    @invariant()
    def the_last_fact_says_where_it_settled(self) -> None:
        if self.delivery.state in _SETTLED:
            assert self.facts[-1].outcome == self.delivery.state.value
            assert self.facts[-1].reason == self.delivery.reason

    @precondition(lambda self: self.delivery.state is State.SKIPPED)
    @rule()
    def skipped_is_the_end(self) -> None:
        assert possible(self.delivery) == ()


_SETTLED = {State(outcome.value) for outcome in Outcome} - {State.UNCERTAIN}

DeliveryMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)
TestADelivery = DeliveryMachine.TestCase


def test_every_happening_is_tried() -> None:
    assert set(LEADS_TO) == set(get_args(happenings.Happening))


@given(st.integers(1, 10_000), JITTERS)
def test_attempts_grow_apart_to_a_cap_and_never_end(attempt: int, jitter: float) -> None:
    wait = backoff(attempt, jitter, timedelta(seconds=20))
    assert timedelta(seconds=15) <= wait <= BACKOFF_CAP * 1.25
    if attempt > 6:
        assert wait >= BACKOFF_CAP * 0.75


def test_an_erased_person_comes_before_every_other_reason() -> None:
    claim = Claim(NOW, erased=True, superseded=True, expires_at=NOW - timedelta(1))
    then, (fact,) = happen(a_delivery(), claim)
    assert (then.state, then.reason) == (State.SKIPPED, Reason.ERASED)
    assert fact.outcome is Outcome.SKIPPED
    assert fact.reason == "erased"


@pytest.mark.parametrize(
    ("policy", "state"), [(Policy.RESEND, State.QUEUED), (Policy.HOLD, State.HELD)]
)
def test_the_template_says_what_uncertainty_means(policy: Policy, state: State) -> None:
    delivery = a_delivery(policy)
    for happening in (Claim(NOW), Start(), LostAfter(), Resolve(0.5)):
        delivery, _ = happen(delivery, happening)
    assert (delivery.state, delivery.reason) == (state, Reason.NO_REPLY)


def test_a_refusal_names_what_is_possible() -> None:
    with pytest.raises(TransitionRefused, match="Claim, Skip"):
        happen(a_delivery(), GiveUp())
