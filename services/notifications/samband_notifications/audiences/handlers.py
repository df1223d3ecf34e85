"""Audiences: following who is a member of which network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_kit import outbox

from samband_notifications.audiences import store
from samband_notifications.deliveries.domain.happenings import Reason, Skip
from samband_notifications.deliveries.domain.machine import happen
from samband_notifications.deliveries.store import adding, rows
from samband_notifications.organisations import store as organisations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.event import CloudEvent
    from samband_contracts.memberships import MembershipJoined, MembershipLeft
    from samband_kit.database import Connection


async def on_membership_joined(
    conn: Connection, events: Sequence[CloudEvent[MembershipJoined]]
) -> None:
    """Remember the members, and invite them to what the network has already announced."""
    await store.lock(conn)
    joined = [event.data for event in events]
    await organisations.put_missing(conn, [membership.organisation for membership in joined])
    await store.put(conn, joined)
    await adding.add_members(
        conn, membership_ids=[membership.membership_id for membership in joined]
    )


async def on_membership_left(
    conn: Connection, events: Sequence[CloudEvent[MembershipLeft]]
) -> None:
    """Forget the members, and keep back what they have not been sent yet."""
    await store.lock(conn)
    membership_ids = [event.data.membership_id for event in events]
    await store.end(conn, membership_ids)
    left = await rows.lock_of_former_members(conn, membership_ids)
    causes = {event.data.membership_id: event for event in events}
    happened = [
        (happen(delivery, Skip(Reason.NO_LONGER_MEMBER)), causes[membership_id])
        for delivery, membership_id in left
    ]
    await rows.save(conn, [rows.Change(delivery) for (delivery, _), _ in happened])
    settled = [(fact, cause) for (_, facts), cause in happened for fact in facts]
    await outbox.append(conn, [fact for fact, _ in settled], causes=[cause for _, cause in settled])
