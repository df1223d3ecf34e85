"""Commands about meetings: plan, publish, move, hold and cancel them.

A published meeting's facts go out in one append: what the public may know and
the invitation, or neither. Nobody writes a mail here.
"""

from datetime import datetime
from uuid import UUID

from samband_contracts.event import Event
from samband_contracts.values import MeetingKind
from samband_kit import outbox
from samband_kit.database import Connection, Pool, transaction
from samband_kit.idempotency import once, remember
from samband_kit.ids import new_id

from samband_networks.meetings import domain, store
from samband_networks.meetings.domain import Meeting, Plan, Times
from samband_networks.networks import domain as network_rules
from samband_networks.networks import store as networks
from samband_networks.networks.domain import Actor, Network, check_leads


async def draft_meeting(
    pool: Pool, network_id: UUID, plan: Plan, *, by: Actor, key: str, now: datetime
) -> UUID:
    """Plan a meeting that nobody is told about yet.

    Raises FieldErrors for a plan that cannot be; KickoffExists.
    """
    async with transaction(pool) as conn:
        command = {"command": "draft", "by": by.account_id, "network": network_id, "plan": plan}
        done = await once(conn, key, command)
        if done is not None:
            return UUID(done["meeting_id"])
        network = await networks.lock(conn, network_id)
        check_leads(network, by)
        meeting = domain.draft(new_id(), network, plan, now)
        await store.insert(conn, meeting)
        await remember(conn, key, {"meeting_id": str(meeting.meeting_id)})
        return meeting.meeting_id


async def edit_draft(
    pool: Pool, network_id: UUID, meeting_id: UUID, plan: Plan, *, by: Actor, now: datetime
) -> None:
    """Give a draft another plan. Doing so again changes nothing."""
    async with transaction(pool) as conn:
        _, meeting = await _locked(conn, network_id, meeting_id, by)
        await store.update(conn, domain.edit(meeting, plan, now))


async def publish(
    pool: Pool, network_id: UUID, meeting_id: UUID, *, by: Actor, key: str, now: datetime
) -> None:
    """Announce the meeting and invite the members, those who join later included."""
    async with transaction(pool) as conn:
        if await _done(conn, key, "publish", by, meeting_id):
            return
        network, meeting = await _locked(conn, network_id, meeting_id, by)
        published, facts = domain.publish(meeting, network, now)
        await store.update(conn, published)
        await outbox.append(conn, facts)


async def reschedule(
    pool: Pool,
    network_id: UUID,
    meeting_id: UUID,
    times: Times,
    digital_link: str | None,
    *,
    by: Actor,
    key: str,
    now: datetime,
) -> None:
    """Move the meeting or change its link, and tell those invited."""
    async with transaction(pool) as conn:
        if await _done(conn, key, "reschedule", by, meeting_id, times, digital_link):
            return
        network, meeting = await _locked(conn, network_id, meeting_id, by)
        moved, facts = domain.reschedule(meeting, network, times, digital_link, now)
        await store.update(conn, moved)
        await outbox.append(conn, facts)


async def cancel(
    pool: Pool, network_id: UUID, meeting_id: UUID, *, by: Actor, key: str, now: datetime
) -> None:
    """Call the meeting off and withdraw the invitations."""
    async with transaction(pool) as conn:
        if await _done(conn, key, "cancel", by, meeting_id):
            return
        network, meeting = await _locked(conn, network_id, meeting_id, by)
        cancelled, facts = domain.cancel(meeting, network, now)
        await store.update(conn, cancelled)
        await outbox.append(conn, facts)


async def hold(
    pool: Pool, network_id: UUID, meeting_id: UUID, *, by: Actor, key: str, now: datetime
) -> None:
    """Record that the meeting took place; its kickoff sets an open network running."""
    async with transaction(pool) as conn:
        if await _done(conn, key, "hold", by, meeting_id):
            return
        network, meeting = await _locked(conn, network_id, meeting_id, by)
        held, facts = domain.hold(meeting, now)
        await store.update(conn, held)
        events: list[Event] = list(facts)
        if held.plan.kind is MeetingKind.KICKOFF and network.state is network_rules.State.OPEN:
            running, launched = network_rules.launch(network)
            await networks.set_state(conn, running)
            events.append(launched)
        await outbox.append(conn, events)


async def _done(
    conn: Connection, key: str, command: str, by: Actor, meeting_id: UUID, *facts: object
) -> bool:
    fingerprint = {
        "command": command,
        "by": by.account_id,
        "meeting": meeting_id,
        "facts": [str(fact) for fact in facts],
    }
    return await once(conn, key, fingerprint) is not None


async def _locked(
    conn: Connection, network_id: UUID, meeting_id: UUID, by: Actor
) -> tuple[Network, Meeting]:
    """The network and the meeting, locked in this order, for one who may change them."""
    network = await networks.lock(conn, network_id)
    check_leads(network, by)
    return network, await store.lock(conn, network_id, meeting_id)
