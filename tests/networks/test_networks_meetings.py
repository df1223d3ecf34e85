"""What commands about meetings leave behind: rows and events."""

from collections.abc import AsyncIterator
from datetime import date, time

import pytest
from samband_contracts.values import Role
from samband_kit.testing import Backing
from samband_networks.meetings import domain as meeting_rules
from samband_networks.meetings import handlers as meetings
from samband_networks.meetings.domain import times
from samband_networks.networks import handlers
from samband_networks.networks.domain import (
    KickoffNotHeld,
    MeetingsOpen,
    Trigger,
)

from tests.networks.coordinating import DAY_OF_KICKOFF, KICKOFF, NOW, key, kinds, moved, planned
from tests.networks.stage import Stage, stage


@pytest.fixture
async def on(backing: Backing) -> AsyncIterator[Stage]:
    async with stage(backing) as running:
        yield running


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
