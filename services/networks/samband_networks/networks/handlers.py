"""Commands about networks: create one, and move it through its life."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from samband_contracts.event import Event
from samband_contracts.values import Localised, MeetingKind, Role
from samband_kit import outbox
from samband_kit.accounts import account
from samband_kit.database import Connection, Pool, transaction
from samband_kit.errors import FieldErrors
from samband_kit.idempotency import once, remember
from samband_kit.ids import new_id

from samband_networks.acceptances import store as acceptances
from samband_networks.calls import store as calls
from samband_networks.meetings import domain as meeting_rules
from samband_networks.meetings import store as meetings
from samband_networks.memberships import domain as membership_rules
from samband_networks.memberships import store as memberships
from samband_networks.memberships.handlers import take_in
from samband_networks.networks import domain, store
from samband_networks.networks.domain import Actor, Network, State, Trigger


@dataclass(frozen=True, slots=True)
class CreateNetwork:
    """What a network is to be; without `coordinator_id` whoever creates it leads it."""

    name: Localised
    round: int
    call_id: UUID | None
    capacity: int | None
    coordinator_id: UUID | None = None


async def create_network(pool: Pool, command: CreateNetwork, *, by: Actor, key: str) -> UUID:
    """Plan a network, and take in those who were accepted in its call already.

    Raises FieldErrors for a call that nobody has announced and a coordinator
    who is none; NetworkExists, CallTaken.
    """
    async with transaction(pool) as conn:
        fingerprint = {"command": "create network", "by": by.account_id, "network": command}
        done = await once(conn, key, fingerprint)
        if done is not None:
            return UUID(done["network_id"])
        coordinator_id = command.coordinator_id or by.account_id
        await _check_references(conn, command.call_id, coordinator_id)
        network = Network(
            network_id=new_id(),
            name=command.name,
            round=command.round,
            call_id=command.call_id,
            coordinator_id=coordinator_id,
            capacity=command.capacity,
        )
        await store.insert(conn, network)
        if command.call_id is not None:
            waiting = await acceptances.waiting(conn, command.call_id)
            causes = {one.registration_id: cause for one, cause in waiting}
            await take_in(conn, {network: [one for one, _ in waiting]}, causes)
        await remember(conn, key, {"network_id": str(network.network_id)})
        return network.network_id


async def move_network(
    pool: Pool, network_id: UUID, trigger: Trigger, *, by: Actor, key: str, now: datetime
) -> None:
    """Move the network by `trigger`, with everything that follows from it.

    Launching records that the kickoff was held, if that has not been done.
    With the end of a network its memberships end; what was accepted for a
    cancelled one waits for another network that the same call feeds.
    """
    async with transaction(pool) as conn:
        command = {"command": trigger, "by": by.account_id, "network": network_id}
        if await once(conn, key, command) is not None:
            return
        network = await store.lock(conn, network_id)
        domain.check_leads(network, by)
        events: list[Event] = []
        if trigger is Trigger.LAUNCH:
            events += await _hold_kickoff(conn, network, now)
        moved, fact = domain.move(network, trigger, await _circumstances(conn, network_id))
        events.append(fact)
        await store.set_state(conn, moved)
        if moved.state is State.CLOSED or moved.state is State.CANCELLED:
            ended = [
                membership_rules.end_with(one, moved.state)
                for one in await memberships.lock_active(conn, network_id)
            ]
            await memberships.end(conn, [membership for membership, _ in ended])
            for membership, left in ended:
                events += [left, membership_rules.represented(membership, ())]
        if moved.state is State.CANCELLED:
            await acceptances.release(conn, network_id)
        await outbox.append(conn, events)


async def _check_references(conn: Connection, call_id: UUID | None, coordinator_id: UUID) -> None:
    wrong: dict[str, str] = {}
    if call_id is not None:
        if await calls.known(conn, call_id):
            await calls.lock(conn, [call_id])
        else:
            wrong["call_id"] = "There is no such call. Choose one from the list."
    coordinator = await account(conn, coordinator_id)
    if (
        coordinator is None
        or not coordinator.active
        or not coordinator.roles & {Role.COORDINATOR, Role.STAFF}
    ):
        wrong["coordinator_id"] = "Choose a coordinator who has an account."
    if wrong:
        raise FieldErrors(wrong)


async def _hold_kickoff(conn: Connection, network: Network, now: datetime) -> list[Event]:
    kickoff = await meetings.lock_kickoff(conn, network.network_id)
    if (
        kickoff is None
        or kickoff.state is not meeting_rules.State.SCHEDULED
        or kickoff.plan.times.starts_at > now
    ):
        return []
    held, facts = meeting_rules.hold(kickoff, now)
    await meetings.update(conn, held)
    return list(facts)


async def _circumstances(conn: Connection, network_id: UUID) -> domain.Circumstances:
    counted = await meetings.count(conn, network_id)
    return domain.Circumstances(
        kickoff_held=(MeetingKind.KICKOFF, meeting_rules.State.HELD) in counted,
        open_meetings=sum(
            number
            for (_, state), number in counted.items()
            if state is meeting_rules.State.SCHEDULED
        ),
    )
