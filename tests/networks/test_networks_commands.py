"""What commands and other services' facts leave behind: rows and events."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time
from uuid import UUID

import pytest
from samband_contracts.registrations import RegistrationMerged, RegistrationWithdrawn
from samband_contracts.values import Localised, MeetingForm, MeetingKind, Role
from samband_kit.errors import FieldErrors, TransitionRefused
from samband_kit.idempotency import KeyReused
from samband_kit.ids import new_id
from samband_kit.testing import Backing
from samband_networks.meetings import domain as meeting_rules
from samband_networks.meetings import handlers as meetings
from samband_networks.meetings.domain import Plan, times
from samband_networks.memberships import handlers as memberships
from samband_networks.memberships import store as membership_rows
from samband_networks.networks import handlers
from samband_networks.networks.domain import (
    Actor,
    CallTaken,
    KickoffNotHeld,
    MeetingsOpen,
    NetworkExists,
    NotYourNetwork,
    Trigger,
)
from samband_networks.tasks import handlers as tasks
from samband_networks.tasks import store as task_rows

from tests.networks.stage import Stage, accepted, municipality, opened, sixteen, stage

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
KICKOFF = Plan(
    kind=MeetingKind.KICKOFF,
    title=Localised(sv="Uppstartsmöte", en="Kickoff"),
    agenda=Localised(sv="Vi lär känna varandra", en="We get to know each other"),
    times=times(date(2027, 2, 9), time(10), time(11, 30), "Europe/Stockholm"),
    form=MeetingForm.DIGITAL,
    digital_link="https://rum.example/kickoff",
)
DAY_OF_KICKOFF = datetime(2027, 2, 9, 12, 0, tzinfo=UTC)


@pytest.fixture
async def on(backing: Backing) -> AsyncIterator[Stage]:
    async with stage(backing) as running:
        yield running


def key() -> str:
    return str(new_id())


async def planned(
    on: Stage, by: Actor, call_id: UUID | None = None, name: str = "Mänskliga rättigheter"
) -> UUID:
    command = handlers.CreateNetwork(Localised(sv=name, en="Human rights"), 1, call_id, None)
    return await handlers.create_network(on.pool, command, by=by, key=key())


async def moved(on: Stage, network_id: UUID, by: Actor, *triggers: Trigger) -> None:
    for trigger in triggers:
        await handlers.move_network(on.pool, network_id, trigger, by=by, key=key(), now=NOW)


async def names(on: Stage, network_id: UUID) -> list[str]:
    async with on.pool.acquire() as conn:
        return [one.organisation.name for one in await membership_rows.active(conn, network_id)]


async def waiting(on: Stage, network_id: UUID) -> list[tuple[str, str]]:
    async with on.pool.acquire() as conn:
        found = await task_rows.waiting(conn, network_id)
    return [(task.kind.value, task.organisation_name) for task in found]


async def kinds(on: Stage) -> list[str]:
    return [kind for kind, _ in await on.told()]


async def test_a_planned_network_is_known_to_nobody_until_it_is_announced(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = new_id()
    await on.hear(opened(call_id))
    network_id = await planned(on, by, call_id)
    assert await on.told() == []
    await moved(on, network_id, by, Trigger.ANNOUNCE)
    [(kind, data)] = await on.told()
    assert kind == "network.announced.v1"
    assert data["name"] == {"sv": "Mänskliga rättigheter", "en": "Human rights"}
    assert data["call_id"] == str(call_id)


async def test_the_eight_pairs_become_sixteen_members(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = new_id()
    await on.hear(opened(call_id))
    network_id = await planned(on, by, call_id)
    await on.hear(*sixteen(call_id))
    assert len(await names(on, network_id)) == 16
    assert await kinds(on) == ["membership.joined.v1"] * 16


async def test_members_stand_in_swedish_order(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    swedish = ("Åmåls kommun", "Örebro kommun", "Älvdalens kommun", "Falu kommun")
    await on.hear(*(accepted(call_id, municipality(name)) for name in swedish))
    assert await names(on, network_id) == [
        "Falu kommun",
        "Åmåls kommun",
        "Älvdalens kommun",
        "Örebro kommun",
    ]


async def called(on: Stage) -> UUID:
    call_id = new_id()
    await on.hear(opened(call_id))
    return call_id


async def test_who_was_accepted_before_there_was_a_network_joins_when_it_comes(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = new_id()
    await on.hear(*sixteen(call_id))
    assert await on.told() == []
    await on.hear(opened(call_id))
    network_id = await planned(on, by, call_id)
    assert len(await names(on, network_id)) == 16
    assert await kinds(on) == ["membership.joined.v1"] * 16


async def test_a_second_lund_with_another_counterpart_adds_the_counterpart_alone(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    lund = municipality("Lunds kommun")
    await on.hear(accepted(call_id, lund, municipality("Francistown", "BW")))
    await on.hear(accepted(call_id, lund, municipality("Rufunsa", "ZM")))
    assert await names(on, network_id) == ["Francistown", "Lunds kommun", "Rufunsa"]


@pytest.mark.parametrize("merged_first", [True, False])
async def test_contact_persons_of_a_merged_registration_follow(
    on: Stage, merged_first: bool
) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    first = accepted(call_id, municipality("Lunds kommun"), contacts=1)
    second, third = new_id(), new_id()
    merges = [
        RegistrationMerged(
            registration_id=third,
            call_id=call_id,
            into=second,
            organisation_id=first.organisation.organisation_id,
            contact_ids=(new_id(),),
        ),
        RegistrationMerged(
            registration_id=second,
            call_id=call_id,
            into=first.registration_id,
            organisation_id=first.organisation.organisation_id,
            contact_ids=(new_id(), new_id()),
        ),
    ]
    for fact in [*merges, first] if merged_first else [first, *merges]:
        await on.hear(fact)
    async with on.pool.acquire() as conn:
        [member] = await membership_rows.active(conn, network_id)
    assert member.representatives == 4


async def test_an_acceptance_for_a_network_that_is_over_becomes_one_task(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    await moved(on, network_id, by, Trigger.CANCEL)
    late = accepted(call_id, municipality("Piteå kommun"), municipality("Chinsali", "ZM"))
    await on.hear(late)
    await on.hear(late)
    assert await names(on, network_id) == []
    assert await waiting(on, network_id) == [("accepted_after_end", "Piteå kommun")]


async def test_what_a_cancelled_network_had_goes_to_the_next_one(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    first = await planned(on, by, call_id := await called(on))
    await on.hear(accepted(call_id, municipality("Falu kommun")))
    await moved(on, first, by, Trigger.CANCEL)
    second = await planned(on, by, call_id)
    assert await names(on, first) == []
    assert await names(on, second) == ["Falu kommun"]
    assert await kinds(on) == [
        "membership.joined.v1",
        "network.cancelled.v1",
        "membership.left.v1",
        "membership.joined.v1",
    ]


async def test_a_withdrawn_registration_is_the_coordinators_to_judge(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    given = accepted(call_id, municipality("Bollnäs kommun"))
    await on.hear(given)
    gone = RegistrationWithdrawn(
        registration_id=given.registration_id, call_id=call_id, contact_ids=given.contact_ids
    )
    await on.hear(gone)
    assert await names(on, network_id) == ["Bollnäs kommun"]
    assert await waiting(on, network_id) == [("withdrawn", "Bollnäs kommun")]
    async with on.pool.acquire() as conn:
        [task] = await task_rows.waiting(conn, network_id)
    for _ in range(2):
        await tasks.settle(on.pool, network_id, task.task_id, by=by)
    assert await waiting(on, network_id) == []


async def test_a_registration_withdrawn_while_it_waits_gives_no_membership(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = await called(on)
    given = accepted(call_id, municipality("Bollnäs kommun"))
    await on.hear(given)
    await on.hear(
        RegistrationWithdrawn(
            registration_id=given.registration_id, call_id=call_id, contact_ids=()
        )
    )
    assert await names(on, await planned(on, by, call_id)) == []


async def test_who_left_stays_away_and_the_coordinator_hears_of_the_next_acceptance(
    on: Stage,
) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    amal = municipality("Åmåls kommun")
    await on.hear(accepted(call_id, amal))
    async with on.pool.acquire() as conn:
        [member] = await membership_rows.active(conn, network_id)
    membership_id, again = member.membership.membership_id, key()
    for _ in range(2):
        await memberships.leave(on.pool, network_id, membership_id, by=by, key=again)
    with pytest.raises(TransitionRefused):
        await memberships.leave(on.pool, network_id, membership_id, by=by, key=key())
    await on.hear(accepted(call_id, amal))
    assert await names(on, network_id) == []
    assert await waiting(on, network_id) == [("accepted_after_leaving", "Åmåls kommun")]
    assert await kinds(on) == ["membership.joined.v1", "membership.left.v1"]


async def test_a_call_feeds_one_living_network_and_a_name_has_one_first_round(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = await called(on)
    await planned(on, by, call_id)
    with pytest.raises(CallTaken):
        await planned(on, by, call_id, name="Ett annat")
    with pytest.raises(NetworkExists):
        await planned(on, by, name="mänskliga RÄTTIGHETER")


async def test_a_network_needs_a_call_that_exists_and_a_coordinator_with_an_account(
    on: Stage,
) -> None:
    by = await on.hire(Role.STAFF)
    name = Localised(sv="Ett", en="One")
    command = handlers.CreateNetwork(name, 1, new_id(), None, coordinator_id=new_id())
    with pytest.raises(FieldErrors) as refused:
        await handlers.create_network(on.pool, command, by=by, key=key())
    assert set(refused.value.fields) == {"call_id", "coordinator_id"}


async def test_the_same_command_twice_has_one_effect(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    command = handlers.CreateNetwork(Localised(sv="Ett", en="One"), 1, None, None)
    again = key()
    first = await handlers.create_network(on.pool, command, by=by, key=again)
    assert await handlers.create_network(on.pool, command, by=by, key=again) == first
    other = handlers.CreateNetwork(Localised(sv="Två", en="Two"), 1, None, None)
    with pytest.raises(KeyReused):
        await handlers.create_network(on.pool, other, by=by, key=again)
    for _ in range(2):
        await handlers.move_network(
            on.pool, first, Trigger.ANNOUNCE, by=by, key="announce", now=NOW
        )
    assert await kinds(on) == ["network.announced.v1"]


async def test_a_coordinator_moves_no_network_but_their_own(on: Stage) -> None:
    by, other = await on.hire(Role.COORDINATOR), await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by)
    with pytest.raises(NotYourNetwork):
        await moved(on, network_id, other, Trigger.ANNOUNCE)
    await moved(on, network_id, await on.hire(Role.STAFF), Trigger.ANNOUNCE)


async def test_the_kickoff_is_announced_once_and_every_change_counts_up(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by)
    await moved(on, network_id, by, Trigger.ANNOUNCE)
    meeting_id = await meetings.draft_meeting(
        on.pool, network_id, KICKOFF, by=by, key=key(), now=NOW
    )
    assert await kinds(on) == ["network.announced.v1"]
    for _ in range(2):
        await meetings.publish(on.pool, network_id, meeting_id, by=by, key="once", now=NOW)
    later = times(date(2027, 2, 16), time(10), time(11), "Africa/Lusaka")
    await meetings.reschedule(
        on.pool, network_id, meeting_id, later, KICKOFF.digital_link, by=by, key=key(), now=NOW
    )
    await meetings.cancel(on.pool, network_id, meeting_id, by=by, key=key(), now=NOW)
    told = (await on.told())[1:]
    assert [kind for kind, _ in told] == [
        "meeting.scheduled.v1",
        "invitation.issued.v1",
        "meeting.rescheduled.v1",
        "invitation.revised.v1",
        "meeting.cancelled.v1",
        "invitation.withdrawn.v1",
    ]
    invitations = [data for kind, data in told if kind.startswith("invitation")]
    assert [data["revision"] for data in invitations] == [0, 1, 2]
    assert all(data["digital_link"] == KICKOFF.digital_link for data in invitations)
    public = [data for kind, data in told if kind.startswith("meeting")]
    assert not any("rum.example" in str(data) for data in public)


async def test_one_kickoff_at_a_time(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by)
    await meetings.draft_meeting(on.pool, network_id, KICKOFF, by=by, key=key(), now=NOW)
    with pytest.raises(meeting_rules.KickoffExists):
        await meetings.draft_meeting(on.pool, network_id, KICKOFF, by=by, key=key(), now=NOW)


@pytest.mark.parametrize("through_the_meeting", [True, False])
async def test_holding_the_kickoff_sets_the_network_running(
    on: Stage, through_the_meeting: bool
) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by)
    await moved(on, network_id, by, Trigger.ANNOUNCE, Trigger.OPEN)
    with pytest.raises(KickoffNotHeld):
        await moved(on, network_id, by, Trigger.LAUNCH)
    meeting_id = await meetings.draft_meeting(
        on.pool, network_id, KICKOFF, by=by, key=key(), now=NOW
    )
    await meetings.publish(on.pool, network_id, meeting_id, by=by, key=key(), now=NOW)
    with pytest.raises(KickoffNotHeld):
        await moved(on, network_id, by, Trigger.LAUNCH)
    with pytest.raises(MeetingsOpen):
        await moved(on, network_id, by, Trigger.CANCEL)
    if through_the_meeting:
        await meetings.hold(on.pool, network_id, meeting_id, by=by, key=key(), now=DAY_OF_KICKOFF)
    else:
        await handlers.move_network(
            on.pool, network_id, Trigger.LAUNCH, by=by, key=key(), now=DAY_OF_KICKOFF
        )
    assert (await kinds(on))[-2:] == ["meeting.held.v1", "network.launched.v1"]


async def test_closing_a_network_ends_its_memberships(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    await on.hear(accepted(call_id, municipality("Falu kommun"), municipality("Mogale City", "ZA")))
    await on.pool.execute("update networks set state = 'running'")
    await moved(on, network_id, by, Trigger.PAUSE, Trigger.RESUME, Trigger.FINISH, Trigger.CLOSE)
    assert (await kinds(on))[2:] == [
        "network.paused.v1",
        "network.resumed.v1",
        "network.finished.v1",
        "network.closed.v1",
        "membership.left.v1",
        "membership.left.v1",
    ]
    assert await names(on, network_id) == []
    async with on.pool.acquire() as conn:
        ended = await membership_rows.members(conn, network_id)
    assert {one.membership.state.value for one in ended} == {"completed"}


async def test_a_public_fact_never_names_a_person(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    await planned(on, by, call_id := await called(on))
    given = accepted(call_id, municipality("Falu kommun"), contacts=3)
    await on.hear(given)
    said = str(await on.told())
    assert not [contact for contact in given.contact_ids if str(contact) in said]
    assert str(by.account_id) not in said


async def test_what_takes_long_to_decide_is_decided_once(on: Stage) -> None:
    """Acceptance and the network's creation at the same moment never miss each other."""
    by = await on.hire(Role.COORDINATOR)
    call_id = await called(on)
    given = accepted(call_id, municipality("Falu kommun"))
    async with on.pool.acquire() as held, held.transaction():
        await held.execute("select from calls where call_id = $1 for update", call_id)
        both = asyncio.gather(on.hear(given), planned(on, by, call_id))
        await asyncio.sleep(0.1)
    _, network_id = await both
    assert await names(on, network_id) == ["Falu kommun"]
    assert await kinds(on) == ["membership.joined.v1"]
