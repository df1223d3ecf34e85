"""What time brings: registrations that nobody confirmed end, and their data is erased."""

from samband_contracts.event import Event
from samband_kit import outbox
from samband_kit.database import Pool, transaction

from samband_registration.clock import now as clock
from samband_registration.contacts import store as contacts
from samband_registration.contacts.domain import erased
from samband_registration.registrations.domain.machine import Expire, decide
from samband_registration.registrations.handlers.writing import SYSTEM
from samband_registration.registrations.store import rows

AT_ONCE = 500


async def expire(pool: Pool) -> int:
    """End the registrations whose time to confirm is over; how many.

    Safe in any number of processes at once: each takes what no other holds.
    """
    async with transaction(pool) as conn:
        at = await clock(conn)
        late = await rows.lock_expired(conn, at, limit=AT_ONCE)
        decisions = [decide(one, Expire(), at) for one in late]
        ended = [after for after, _ in decisions]
        people = [contact_id for after in ended for contact_id in after.contact_ids]
        await rows.update(conn, ended)
        await rows.scrub_messages(conn, [after.registration_id for after in ended])
        await contacts.delete(conn, people)
        await rows.record(conn, ended, action="expire", actor=SYSTEM.role, now=at)
        events: list[Event] = [event for _, events in decisions for event in events]
        await outbox.append(conn, [*events, *map(erased, people)])
    return len(ended)
