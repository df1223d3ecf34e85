"""What this service does when registration accepts, merges or withdraws.

None of these facts is ever refused. An acceptance whose call feeds no network
yet is kept until one is created; whichever of the two comes last completes
the membership, because both lock the call first.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from samband_contracts.event import CloudEvent
from samband_contracts.registrations import (
    RegistrationAccepted,
    RegistrationMerged,
    RegistrationWithdrawn,
)
from samband_kit import outbox
from samband_kit.database import Connection
from samband_kit.ids import new_id

from samband_networks.acceptances import store
from samband_networks.acceptances.domain import Acceptance, acceptance
from samband_networks.calls import store as calls
from samband_networks.memberships import handlers as memberships
from samband_networks.memberships import store as membership_rows
from samband_networks.networks import store as networks
from samband_networks.networks.domain import Network
from samband_networks.tasks import store as tasks
from samband_networks.tasks.domain import Task, TaskKind


async def on_registration_accepted(
    conn: Connection, events: Sequence[CloudEvent[RegistrationAccepted]]
) -> None:
    """The organisation and its named counterpart become members."""
    accepted = [acceptance(event.data) for event in events]
    call_ids = _calls(events)
    await calls.lock(conn, call_ids)
    fed = await networks.lock_fed_by(conn, call_ids)
    await membership_rows.describe(conn, [party for one in accepted for party in one.parties])
    await store.record(conn, events)
    by_network: dict[Network, list[Acceptance]] = defaultdict(list)
    for one in accepted:
        if one.call_id in fed:
            by_network[fed[one.call_id]].append(one)
    causes = {event.data.registration_id: event for event in events}
    await memberships.take_in(conn, by_network, causes)


async def on_registration_merged(
    conn: Connection, events: Sequence[CloudEvent[RegistrationMerged]]
) -> None:
    """The merged registration's contact persons act for the other one's member."""
    await calls.lock(conn, _calls(events))
    await store.merge(conn, [event.data for event in events])
    acting = await membership_rows.add_representatives(conn, [event.data.into for event in events])
    causes = {event.data.into: event for event in events}
    await outbox.append(
        conn,
        [memberships.represented(one) for one in acting],
        causes=[causes[one.registration_id] for one in acting],
    )


async def on_registration_withdrawn(
    conn: Connection, events: Sequence[CloudEvent[RegistrationWithdrawn]]
) -> None:
    """One that waits gives no membership; of one that did, the coordinator decides."""
    await calls.lock(conn, _calls(events))
    withdrawn = await store.withdraw(
        conn, {event.data.registration_id: event.time for event in events}
    )
    await tasks.raise_tasks(
        conn,
        [
            Task(
                new_id(),
                one.network_id,
                TaskKind.WITHDRAWN,
                one.organisation_id,
                one.registration_id,
            )
            for one in withdrawn
        ],
    )


def _calls(events: Sequence[CloudEvent[Any]]) -> set[UUID]:
    return {event.data.call_id for event in events}
