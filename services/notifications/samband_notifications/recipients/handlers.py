"""Recipients: following contact persons, from their first description to their erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_kit import outbox

from samband_notifications.audiences import store as audiences
from samband_notifications.deliveries.domain.happenings import Reason, Skip
from samband_notifications.deliveries.domain.machine import happen
from samband_notifications.deliveries.store import adding, rows
from samband_notifications.recipients import store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.contacts import ContactDescribed, ContactErased
    from samband_contracts.event import CloudEvent
    from samband_kit.database import Connection


async def on_contact_described(
    conn: Connection, events: Sequence[CloudEvent[ContactDescribed]]
) -> None:
    """Remember how to reach these persons, and let go what waited for that.

    Those who act for a member are also invited to what its network has announced.
    """
    await audiences.lock(conn)
    contact_ids = [event.data.contact_id for event in events]
    await store.put(conn, [event.data for event in events])
    await adding.release_known(conn, contact_ids)
    await adding.add_members(conn, contact_ids=contact_ids)


async def on_contact_erased(conn: Connection, events: Sequence[CloudEvent[ContactErased]]) -> None:
    """Forget these persons, and cancel what they have not been sent.

    A message that is on the wire at this moment cannot be called back.
    """
    await audiences.lock(conn)
    causes = {event.data.contact_id: event for event in events}
    await store.erase(conn, list(causes))
    open_ones = await rows.lock_unsent(conn, list(causes))
    happened = [happen(delivery, Skip(Reason.ERASED)) for delivery in open_ones]
    await rows.save(conn, [rows.Change(delivery) for delivery, _ in happened])
    await rows.scrub(conn, list(causes))
    settled = [fact for _, facts in happened for fact in facts]
    await outbox.append(conn, settled, causes=[causes[fact.contact_id] for fact in settled])
