"""Whatever is asked in whatever order: the state machines hold."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from samband_contracts.meetings import (
    InvitationIssued,
    InvitationRevised,
    InvitationWithdrawn,
    MeetingCancelled,
    MeetingHeld,
    MeetingRescheduled,
    MeetingScheduled,
)
from samband_contracts.networks import (
    NetworkAnnounced,
    NetworkCancelled,
    NetworkClosed,
    NetworkFinished,
    NetworkLaunched,
    NetworkOpened,
    NetworkPaused,
    NetworkResumed,
)
from samband_contracts.values import (
    Localised,
    MeetingForm,
    MeetingKind,
    Organisation,
    OrganisationKind,
)
from samband_kit.errors import Refusal
from samband_networks.acceptances.domain import Acceptance
from samband_networks.meetings import domain as meetings
from samband_networks.memberships import domain as memberships
from samband_networks.networks import domain as networks
from samband_networks.networks.domain import Circumstances, Network, State, Trigger

NAME = Localised(sv="Mänskliga rättigheter", en="Human rights")
WEEK = timedelta(days=7)

# What domain language says, written once more: state and fact after each trigger.
FACTS = {
    NetworkAnnounced: ({State.PLANNED}, State.ANNOUNCED),
    NetworkOpened: ({State.ANNOUNCED}, State.OPEN),
    NetworkLaunched: ({State.OPEN}, State.RUNNING),
    NetworkPaused: ({State.RUNNING}, State.PAUSED),
    NetworkResumed: ({State.PAUSED}, State.RUNNING),
    NetworkFinished: ({State.RUNNING}, State.CLOSING),
    NetworkClosed: ({State.CLOSING}, State.CLOSED),
    NetworkCancelled: ({State.PLANNED, State.ANNOUNCED, State.OPEN}, State.CANCELLED),
}


def a_network(state: State = State.PLANNED, capacity: int | None = None) -> Network:
    return Network(uuid4(), NAME, 1, uuid4(), uuid4(), capacity, state)


class NetworkLife(RuleBasedStateMachine):
    """Any triggers under any circumstances."""

    def __init__(self) -> None:
        super().__init__()
        self.network = a_network()

    @rule(
        trigger=st.sampled_from(Trigger),
        kickoff_held=st.booleans(),
        open_meetings=st.integers(0, 2),
    )
    def pull(self, trigger: Trigger, kickoff_held: bool, open_meetings: int) -> None:
        circumstances = Circumstances(kickoff_held, open_meetings)
        before = self.network
        try:
            self.network, fact = networks.move(before, trigger, circumstances)
        except networks.KickoffNotHeld:
            assert trigger is Trigger.LAUNCH
            assert not kickoff_held
        except networks.MeetingsOpen:
            assert trigger in {Trigger.CLOSE, Trigger.CANCEL}
            assert open_meetings
        except Refusal:
            assert trigger not in networks.allowed(before.state)
        else:
            sources, target = FACTS[type(fact)]
            assert before.state in sources
            assert self.network.state is target
            assert fact.key == str(before.network_id)

    @invariant()
    def an_ended_network_answers_to_nothing(self) -> None:
        assert (self.network.state in networks.ENDED) == (not networks.allowed(self.network.state))


PARTIES = [
    Organisation(
        organisation_id=UUID(int=number),
        name=f"Organisation {number}",
        kind=OrganisationKind.MUNICIPALITY,
        country="SE" if number < 3 else "ZM",
    )
    for number in range(1, 6)
]


@dataclass
class _Counted:
    joined: int = 0
    left: int = 0
    ids: set[UUID] = field(default_factory=set)


class MembershipLife(RuleBasedStateMachine):
    """Acceptances, departures and the network's end, mixed."""

    def __init__(self) -> None:
        super().__init__()
        self.network = a_network(State.OPEN)
        self.members: dict[UUID, memberships.Membership] = {}
        self.counted = {party.organisation_id: _Counted() for party in PARTIES}

    @initialize(capacity=st.none() | st.integers(1, 3))
    def plan(self, capacity: int | None) -> None:
        self.network = a_network(State.OPEN, capacity)

    @rule(
        pairs=st.lists(
            st.tuples(st.sampled_from(PARTIES), st.none() | st.sampled_from(PARTIES)), max_size=4
        )
    )
    def accept(self, pairs: list[tuple[Organisation, Organisation | None]]) -> None:
        given = [Acceptance(uuid4(), uuid4(), own, other, ()) for own, other in pairs]
        states = {key: one.state for key, one in self.members.items()}
        admission = memberships.admit(self.network, states, given, uuid4)
        if self.network.state not in networks.ADMITS:
            assert not admission.joined
            assert len(admission.tasks) == len(given)
        for one in admission.joined:
            organisation_id = one.membership.organisation_id
            assert organisation_id not in self.members
            self.members[organisation_id] = one.membership
            self.counted[organisation_id].joined += 1
        if self.network.state in networks.ADMITS:
            assert {party.organisation_id for one in given for party in one.parties} <= set(
                self.members
            )

    @rule(party=st.sampled_from(PARTIES))
    def leave(self, party: Organisation) -> None:
        membership = self.members.get(party.organisation_id)
        if membership is None:
            return
        try:
            self.members[party.organisation_id], fact = memberships.leave(membership)
        except Refusal:
            assert membership.state is not memberships.State.ACTIVE
        else:
            assert fact.membership_id == membership.membership_id
            self.counted[party.organisation_id].left += 1

    @rule(state=st.sampled_from(State))
    def move_network(self, state: State) -> None:
        self.network = Network(
            self.network.network_id, NAME, 1, None, uuid4(), self.network.capacity, state
        )

    @invariant()
    def nobody_joins_twice_or_leaves_without_having_joined(self) -> None:
        for organisation_id, counted in self.counted.items():
            assert counted.left <= counted.joined <= 1
            membership = self.members.get(organisation_id)
            active = membership is not None and membership.state is memberships.State.ACTIVE
            assert active == (counted.joined > counted.left)


DAYS = st.dates(date(2026, 9, 2), date(2027, 6, 30))
HOURS = st.integers(8, 18)


class MeetingLife(RuleBasedStateMachine):
    """Planning, publishing, moving and cancelling while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.network = a_network(State.OPEN)
        self.now = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
        self.meeting = meetings.draft(
            uuid4(), self.network, self._plan(date(2027, 2, 9), 10), self.now
        )
        self.told: list[meetings.Fact] = []

    def _plan(self, day: date, hour: int) -> meetings.Plan:
        return meetings.Plan(
            kind=MeetingKind.KICKOFF,
            title=NAME,
            agenda=NAME,
            times=meetings.times(day, time(hour), time(hour + 1), "Europe/Stockholm"),
            form=MeetingForm.DIGITAL,
            digital_link="https://rum.example/1",
        )

    def _follow(self, move: meetings.Move) -> None:
        self.meeting, facts = move
        self.told.extend(facts)

    @rule(weeks=st.integers(1, 8))
    def wait(self, weeks: int) -> None:
        self.now += weeks * WEEK

    @rule(day=DAYS, hour=HOURS)
    def edit(self, day: date, hour: int) -> None:
        try:
            self.meeting = meetings.edit(self.meeting, self._plan(day, hour), self.now)
        except Refusal:
            return
        assert self.meeting.state is meetings.State.DRAFT

    @rule(state=st.sampled_from(State))
    def publish(self, state: State) -> None:
        network = Network(self.network.network_id, NAME, 1, None, uuid4(), None, state)
        try:
            self._follow(meetings.publish(self.meeting, network, self.now))
        except Refusal:
            return
        assert state in networks.ADMITS | {State.CLOSING}

    @rule(
        day=DAYS, hour=HOURS, link=st.sampled_from(["https://rum.example/1", "https://b.example"])
    )
    def reschedule(self, day: date, hour: int, link: str) -> None:
        times = self._plan(day, hour).times
        try:
            self._follow(meetings.reschedule(self.meeting, self.network, times, link, self.now))
        except Refusal:
            return
        assert self.meeting.plan.times.starts_at > self.now

    @rule()
    def cancel(self) -> None:
        try:
            self._follow(meetings.cancel(self.meeting, self.network, self.now))
        except Refusal:
            return

    @rule()
    def hold(self) -> None:
        try:
            self._follow(meetings.hold(self.meeting, self.now))
        except Refusal:
            return
        assert self.meeting.plan.times.starts_at <= self.now

    @invariant()
    def what_was_told_is_what_is(self) -> None:
        kinds = [type(fact) for fact in self.told]
        match self.meeting.state:
            case meetings.State.DRAFT:
                assert not kinds
            case meetings.State.SCHEDULED:
                assert kinds[:2] == [MeetingScheduled, InvitationIssued]
                assert not {MeetingCancelled, MeetingHeld} & set(kinds)
            case meetings.State.HELD:
                assert kinds[-1] is MeetingHeld
            case meetings.State.CANCELLED:
                assert kinds[-2:] == [MeetingCancelled, InvitationWithdrawn]

    @invariant()
    def invitations_are_numbered_without_gaps(self) -> None:
        told = (InvitationIssued, InvitationRevised, InvitationWithdrawn)
        revisions = [fact.revision for fact in self.told if isinstance(fact, told)]
        assert revisions == list(range(len(revisions)))
        if revisions:
            assert self.meeting.revision == revisions[-1]

    @invariant()
    def the_public_knows_the_times_that_hold(self) -> None:
        dated = (MeetingScheduled, MeetingRescheduled)
        known = [fact.starts_at for fact in self.told if isinstance(fact, dated)]
        if known:
            assert known[-1] == self.meeting.plan.times.starts_at


TestNetworkLife = NetworkLife.TestCase
TestMembershipLife = MembershipLife.TestCase
TestMeetingLife = MeetingLife.TestCase
for case in (TestNetworkLife, TestMembershipLife, TestMeetingLife):
    case.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
