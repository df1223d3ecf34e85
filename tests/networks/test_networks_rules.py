"""What a network, a membership and a meeting may do: rules without a database."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
from samband_contracts.meetings import (
    InvitationIssued,
    InvitationRevised,
    InvitationWithdrawn,
    MeetingCancelled,
    MeetingRescheduled,
    MeetingScheduled,
)
from samband_contracts.networks import NetworkAnnounced
from samband_contracts.values import (
    Localised,
    MeetingForm,
    MeetingKind,
    Organisation,
    OrganisationKind,
    Role,
)
from samband_kit.errors import FieldErrors, TransitionRefused
from samband_networks.acceptances.domain import Acceptance
from samband_networks.meetings import domain as meetings
from samband_networks.meetings.domain import Meeting, Plan
from samband_networks.memberships import domain as memberships
from samband_networks.networks import domain as networks
from samband_networks.networks.domain import Actor, Circumstances, Network, State, Trigger
from samband_networks.tasks.domain import TaskKind

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
NOTHING = Circumstances(kickoff_held=False, open_meetings=0)


def network(state: State = State.OPEN, *, capacity: int | None = None) -> Network:
    return Network(
        network_id=uuid4(),
        name=Localised(sv="Mänskliga rättigheter", en="Human rights"),
        round=1,
        call_id=uuid4(),
        coordinator_id=uuid4(),
        capacity=capacity,
        state=state,
    )


def organisation(name: str, country: str = "SE") -> Organisation:
    kind = OrganisationKind.MUNICIPALITY
    return Organisation(organisation_id=uuid4(), name=name, kind=kind, country=country)


def accepted(own: Organisation, other: Organisation | None = None) -> Acceptance:
    return Acceptance(uuid4(), uuid4(), own, other, (uuid4(),))


def plan(day: date = date(2027, 2, 9), **changes: object) -> Plan:
    planned = Plan(
        kind=MeetingKind.KICKOFF,
        title=Localised(sv="Uppstartsmöte", en="Kickoff"),
        agenda=Localised(sv="Vi lär känna varandra", en="We get to know each other"),
        times=meetings.times(day, time(10), time(11, 30), "Europe/Stockholm"),
        form=MeetingForm.DIGITAL,
        digital_link="https://rum.example/kickoff",
    )
    return replace(planned, **changes)  # type: ignore[arg-type]  # the tests name real fields


def scheduled(of: Network) -> Meeting:
    return meetings.publish(meetings.draft(uuid4(), of, plan(), NOW), of, NOW)[0]


def test_announcing_tells_the_public_name_round_and_call() -> None:
    planned = network(State.PLANNED)
    announced, fact = networks.move(planned, Trigger.ANNOUNCE, NOTHING)
    assert announced.state is State.ANNOUNCED
    assert fact == NetworkAnnounced(
        network_id=planned.network_id, name=planned.name, round=1, call_id=planned.call_id
    )


def test_a_refused_trigger_names_the_allowed_ones() -> None:
    with pytest.raises(TransitionRefused, match="open, cancel"):
        networks.move(network(State.ANNOUNCED), Trigger.LAUNCH, NOTHING)


def test_a_network_starts_running_with_its_kickoff_and_not_before() -> None:
    with pytest.raises(networks.KickoffNotHeld):
        networks.move(network(), Trigger.LAUNCH, NOTHING)
    held = Circumstances(kickoff_held=True, open_meetings=0)
    assert networks.move(network(), Trigger.LAUNCH, held)[0].state is State.RUNNING


def test_a_network_with_meetings_to_come_cannot_end() -> None:
    ahead = Circumstances(kickoff_held=False, open_meetings=1)
    with pytest.raises(networks.MeetingsOpen):
        networks.move(network(), Trigger.CANCEL, ahead)
    with pytest.raises(networks.MeetingsOpen):
        networks.move(network(State.CLOSING), Trigger.CLOSE, ahead)


def test_only_an_open_network_is_full() -> None:
    assert networks.is_full(network(capacity=16), 16)
    assert not networks.is_full(network(capacity=16), 15)
    assert not networks.is_full(network(), 1000)
    assert not networks.is_full(network(State.RUNNING, capacity=16), 16)


def test_staff_lead_every_network_and_a_coordinator_their_own() -> None:
    mine = network()
    coordinator = Actor(mine.coordinator_id, frozenset({Role.COORDINATOR}))
    networks.check_leads(mine, coordinator)
    networks.check_leads(mine, Actor(uuid4(), frozenset({Role.STAFF})))
    with pytest.raises(networks.NotYourNetwork):
        networks.check_leads(network(), coordinator)
    with pytest.raises(networks.NotYourNetwork):
        networks.check_leads(mine, Actor(mine.coordinator_id, frozenset({Role.CONTACT_PERSON})))


def test_the_organisation_and_its_named_counterpart_become_members() -> None:
    lund, francistown = organisation("Lunds kommun"), organisation("Francistown", "BW")
    admission = memberships.admit(network(), {}, [accepted(lund, francistown)], uuid4)
    assert [one.event.organisation for one in admission.joined] == [lund, francistown]
    assert not admission.tasks


def test_an_organisation_accepted_twice_is_a_member_once() -> None:
    lund, rufunsa = organisation("Lunds kommun"), organisation("Rufunsa", "ZM")
    admission = memberships.admit(network(), {}, [accepted(lund), accepted(lund, rufunsa)], uuid4)
    assert [one.event.organisation.name for one in admission.joined] == ["Lunds kommun", "Rufunsa"]


@pytest.mark.parametrize("state", [State.CLOSING, State.CLOSED, State.CANCELLED])
def test_an_acceptance_that_comes_too_late_becomes_a_task(state: State) -> None:
    late = accepted(organisation("Piteå kommun"))
    admission = memberships.admit(network(state), {}, [late], uuid4)
    assert not admission.joined
    assert not admission.followed
    assert [(task.kind, task.registration_id) for task in admission.tasks] == [
        (TaskKind.ACCEPTED_AFTER_END, late.registration_id)
    ]


def test_who_has_left_comes_back_only_through_the_coordinator() -> None:
    pitea = organisation("Piteå kommun")
    before = {pitea.organisation_id: memberships.State.LEFT}
    admission = memberships.admit(network(), before, [accepted(pitea)], uuid4)
    assert not admission.joined
    assert [task.kind for task in admission.tasks] == [TaskKind.ACCEPTED_AFTER_LEAVING]


def test_one_more_than_there_are_places_is_taken_in_and_told_to_the_coordinator() -> None:
    given = [accepted(organisation(name)) for name in ("Falu kommun", "Åmåls kommun")]
    admission = memberships.admit(network(capacity=1), {}, given, uuid4)
    assert len(admission.joined) == 2
    assert [task.kind for task in admission.tasks] == [TaskKind.OVER_CAPACITY]


def test_publishing_tells_the_public_without_the_link_and_members_with_it() -> None:
    of = network()
    meeting = meetings.draft(UUID(int=1), of, plan(), NOW)
    published, facts = meetings.publish(meeting, of, NOW)
    public, invitation = facts
    assert published.state is meetings.State.SCHEDULED
    assert isinstance(public, MeetingScheduled)
    assert "https://rum.example" not in public.model_dump_json()
    assert isinstance(invitation, InvitationIssued)
    assert invitation.digital_link == "https://rum.example/kickoff"
    assert invitation.revision == 0
    assert invitation.starts_at == datetime(2027, 2, 9, 9, 0, tzinfo=UTC)


def test_a_moved_meeting_counts_its_revisions() -> None:
    of = network()
    later = meetings.times(date(2027, 2, 16), time(10), time(11), "Africa/Lusaka")
    moved, facts = meetings.reschedule(scheduled(of), of, later, "https://rum.example/kickoff", NOW)
    public, invitation = facts
    assert isinstance(public, MeetingRescheduled)
    assert isinstance(invitation, InvitationRevised)
    assert invitation.revision == moved.revision == 1
    assert invitation.starts_at == datetime(2027, 2, 16, 8, 0, tzinfo=UTC)


def test_another_link_is_told_to_those_invited_alone() -> None:
    of = network()
    meeting = scheduled(of)
    _, facts = meetings.reschedule(
        meeting, of, meeting.plan.times, "https://rum.example/other", NOW
    )
    assert [type(fact) for fact in facts] == [InvitationRevised]


def test_moving_a_meeting_to_where_it_is_tells_nobody() -> None:
    of = network()
    meeting = scheduled(of)
    same = meeting.plan
    assert meetings.reschedule(meeting, of, same.times, same.digital_link, NOW) == (meeting, ())


def test_cancelling_withdraws_the_invitation() -> None:
    of = network()
    cancelled, facts = meetings.cancel(scheduled(of), of, NOW)
    assert cancelled.state is meetings.State.CANCELLED
    assert [type(fact) for fact in facts] == [MeetingCancelled, InvitationWithdrawn]


@pytest.mark.parametrize("state", [State.PLANNED, State.PAUSED])
def test_a_network_that_does_not_meet_plans_but_invites_nobody(state: State) -> None:
    of = network(state)
    with pytest.raises(meetings.NotMeeting):
        meetings.publish(meetings.draft(uuid4(), of, plan(), NOW), of, NOW)


@pytest.mark.parametrize("state", [State.CLOSED, State.CANCELLED])
def test_a_network_that_is_over_plans_nothing(state: State) -> None:
    with pytest.raises(meetings.NotMeeting):
        meetings.draft(uuid4(), network(state), plan(), NOW)


def test_a_meeting_that_has_begun_is_neither_moved_nor_cancelled() -> None:
    of = network()
    meeting = scheduled(of)
    then = meeting.plan.times.starts_at
    with pytest.raises(meetings.MeetingBegun):
        meetings.cancel(meeting, of, then)
    with pytest.raises(meetings.MeetingBegun):
        meetings.reschedule(meeting, of, meeting.plan.times, None, then)
    assert meetings.hold(meeting, then)[0].state is meetings.State.HELD
    with pytest.raises(meetings.NotBegun):
        meetings.hold(meeting, NOW)


def test_a_draft_that_has_grown_old_is_not_published() -> None:
    of = network()
    meeting = meetings.draft(uuid4(), of, plan(), NOW)
    with pytest.raises(FieldErrors) as refused:
        meetings.publish(meeting, of, NOW + timedelta(days=365))
    assert set(refused.value.fields) == {"date"}


def test_a_meeting_lies_ahead_but_not_for_ever() -> None:
    for day in (date(2026, 8, 31), date(2036, 1, 1)):
        with pytest.raises(FieldErrors) as refused:
            meetings.draft(uuid4(), network(), plan(day), NOW)
        assert set(refused.value.fields) == {"date"}


def test_a_digital_meeting_needs_a_link_and_one_on_site_has_none() -> None:
    for wrong in (
        plan(digital_link=None),
        plan(form=MeetingForm.HYBRID, digital_link=None),
        plan(form=MeetingForm.PHYSICAL),
    ):
        with pytest.raises(FieldErrors) as refused:
            meetings.draft(uuid4(), network(), wrong, NOW)
        assert set(refused.value.fields) == {"digital_link"}


def test_ten_in_stockholm_is_eight_or_nine_in_greenwich() -> None:
    winter = meetings.times(date(2027, 2, 9), time(10), time(11), "Europe/Stockholm")
    summer = meetings.times(date(2027, 6, 8), time(10), time(11), "Europe/Stockholm")
    assert (winter.starts_at.hour, summer.starts_at.hour) == (9, 8)


@pytest.mark.parametrize(
    ("day", "starts", "ends", "field"),
    [
        (date(2027, 3, 28), time(2, 30), time(4), "starts"),
        (date(2027, 3, 28), time(1), time(2), "ends"),
        (date(2027, 10, 31), time(2, 30), time(4), "starts"),
        (date(2027, 10, 31), time(1), time(2, 59), "ends"),
        (date(2027, 2, 9), time(10), time(10), "ends"),
        (date(2027, 2, 9), time(10), time(9), "ends"),
    ],
)
def test_times_that_cannot_be_are_refused_where_they_stand(
    day: date, starts: time, ends: time, field: str
) -> None:
    with pytest.raises(FieldErrors) as refused:
        meetings.times(day, starts, ends, "Europe/Stockholm")
    assert set(refused.value.fields) == {field}


def test_the_night_the_clocks_change_has_hours_that_can_be_met_in() -> None:
    spring = meetings.times(date(2027, 3, 28), time(1, 59), time(3), "Europe/Stockholm")
    assert spring.ends_at - spring.starts_at == timedelta(minutes=1)
    autumn = meetings.times(date(2027, 10, 31), time(1, 59), time(3), "Europe/Stockholm")
    assert autumn.ends_at - autumn.starts_at == timedelta(hours=2, minutes=1)
    lusaka = meetings.times(date(2027, 3, 28), time(2, 30), time(4), "Africa/Lusaka")
    assert lusaka.starts_at == datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
