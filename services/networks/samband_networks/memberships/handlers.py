"""Memberships: taking in accepted organisations, and leaving.

`take_in` works on sets in the caller's transaction, which holds the locks of
the calls and networks concerned.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from samband_contracts.event import CloudEvent
from samband_contracts.memberships import RepresentativesDescribed
from samband_kit import outbox
from samband_kit.correlation import Correlation
from samband_kit.database import Connection, Pool, transaction
from samband_kit.idempotency import once
from samband_kit.ids import new_id

from samband_networks.acceptances import store as acceptances
from samband_networks.acceptances.domain import Acceptance
from samband_networks.memberships import domain, store
from samband_networks.memberships.store import Representatives
from samband_networks.networks import store as networks
from samband_networks.networks.domain import Actor, Network, check_leads
from samband_networks.tasks import store as tasks


async def take_in(
    conn: Connection,
    accepted: Mapping[Network, Sequence[Acceptance]],
    causes: Mapping[UUID, CloudEvent[Any] | Correlation],
) -> None:
    """Make members of the parties of these acceptances, network by network.

    `causes` names the fact that brought each acceptance, by registration.
    What a network cannot follow becomes a task for its coordinator.
    """
    known = await store.states(conn, [network.network_id for network in accepted])
    admissions = [
        (network, domain.admit(network, known[network.network_id], given, new_id))
        for network, given in accepted.items()
    ]
    joined = [one for _, admission in admissions for one in admission.joined]
    followed = {
        registration_id: network.network_id
        for network, admission in admissions
        for registration_id in admission.followed
    }
    if joined:
        await store.insert(conn, [one.membership for one in joined])
    acting: list[Representatives] = []
    if followed:
        await acceptances.follow(conn, followed)
        acting = await store.add_representatives(conn, list(followed))
    raised = [task for _, admission in admissions for task in admission.tasks]
    if raised:
        await tasks.raise_tasks(conn, raised)
    await outbox.append(
        conn,
        [*(one.event for one in joined), *map(represented, acting)],
        causes=[causes[one.registration_id] for one in joined]
        + [causes[one.registration_id] for one in acting],
    )


def represented(acting: Representatives) -> RepresentativesDescribed:
    """The fact that says who acts for a member."""
    return domain.represented(acting.membership, acting.contact_ids)


async def leave(pool: Pool, network_id: UUID, membership_id: UUID, *, by: Actor, key: str) -> None:
    """Record that an organisation has left the network."""
    async with transaction(pool) as conn:
        command = {"command": "leave", "by": by.account_id, "membership": membership_id}
        if await once(conn, key, command) is not None:
            return
        network = await networks.lock(conn, network_id)
        check_leads(network, by)
        left, event = domain.leave(await store.lock(conn, network_id, membership_id))
        await store.end(conn, [left])
        await outbox.append(conn, [event, domain.represented(left, ())])
