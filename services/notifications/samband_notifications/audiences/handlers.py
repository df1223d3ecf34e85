"""Audiences: following who acts for the members of which network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_kit import outbox

from samband_notifications.audiences import store
from samband_notifications.deliveries.domain.happenings import Reason, Skip
from samband_notifications.deliveries.domain.machine import happen
from samband_notifications.deliveries.store import adding, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.event import CloudEvent
    from samband_contracts.memberships import RepresentativesDescribed
    from samband_kit.database import Connection


async def on_representatives_described(
    conn: Connection, events: Sequence[CloudEvent[RepresentativesDescribed]]
) -> None:
    """Invite who is new to what the network has announced; keep back what others have not got."""
    await store.lock(conn)
    causes = {event.data.membership_id: event for event in events}
    former = await store.replace(conn, [event.data for event in events])
    await adding.add_members(conn, membership_ids=list(causes))
    happened = [
        (happen(delivery, Skip(Reason.NO_LONGER_MEMBER)), causes[membership_id])
        for delivery, membership_id in await rows.lock_of_former(conn, former)
    ]
    await rows.save(conn, [rows.Change(delivery) for (delivery, _), _ in happened])
    settled = [(fact, cause) for (_, facts), cause in happened for fact in facts]
    await outbox.append(conn, [fact for fact, _ in settled], causes=[cause for _, cause in settled])
