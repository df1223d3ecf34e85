"""Mail backlog: thousands of deliveries of several notifications, in two languages.

Every mail is text and HTML, and has the recipient's name, a personal link and
the recipient's language in it. The backlog comes about as in life: the
service's own handler applies facts to recipients that it knows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from samband_contracts.registrations import RegistrationAccepted
from samband_kit.database import transaction
from samband_kit.ids import new_id
from samband_kit.testing import Facts
from samband_notifications.consumers import REACTIONS
from samband_notifications.deliveries.store import leases
from samband_notifications.sender.desk import Desk

from benchmarks.frame.outboxes import a_region

if TYPE_CHECKING:
    from samband_kit.database import Pool
    from samband_kit.settings import Settings
    from samband_notifications.sender.desk import Written
    from samband_notifications.settings import NotificationsSettings

NOTIFICATIONS = 8

_HANDLERS = {kind: handler for reaction in REACTIONS for kind, handler in reaction.handlers.items()}


async def fill(settings: Settings, pool: Pool, mails: int) -> None:
    """Put `mails` deliveries into the queue, all due when this returns."""
    call_id, sender = new_id(), a_region()
    rows = await pool.fetch(
        """
        insert into recipients (contact_id, organisation_id, name, email, language, time_zone)
        select uuidv7(), $1, 'Åsa Lindqvist ' || n, 'asa.lindqvist.' || n || '@kommun.example',
               (array['sv', 'en'])[1 + n % 2], 'Europe/Stockholm'
        from generate_series(1, $2) n
        returning contact_id
        """,
        sender.organisation_id,
        mails,
    )
    contacts = [row["contact_id"] for row in rows]
    accepted = [
        RegistrationAccepted(
            registration_id=new_id(),
            call_id=call_id,
            organisation=sender,
            contact_ids=tuple(contacts[first::NOTIFICATIONS]),
            counterpart="undecided",
            theme="undecided",
        )
        for first in range(NOTIFICATIONS)
    ]
    facts = Facts(settings)
    async with transaction(pool) as conn:
        await _HANDLERS[RegistrationAccepted](conn, [facts.envelope(event) for event in accepted])


async def written(settings: NotificationsSettings, pool: Pool, mails: int) -> list[Written]:
    """The finished mails of `mails` deliveries, as the sender would write them."""
    desk = Desk(settings)
    async with pool.acquire() as conn:
        rehearsal = conn.transaction()
        await rehearsal.start()
        found = await leases.due(conn, limit=mails)
        contents = await desk.contents(conn, {due.delivery.notification_id for due in found})
        await rehearsal.rollback()
    return [desk.write(due, contents[due.delivery.notification_id]) for due in found]


async def unsent(pool: Pool) -> int:
    """How many deliveries are not sent yet."""
    # Asks the small index of what is open, so that asking often costs nothing.
    count = await pool.fetchval(
        "select count(*) from deliveries where state not in ('sent', 'delivered')"
    )
    assert isinstance(count, int)
    return count


async def duration(pool: Pool) -> timedelta:
    """From the first mail begun to the last one recorded."""
    took = await pool.fetchval("select max(settled_at) - min(data_started_at) from deliveries")
    assert isinstance(took, timedelta)
    return took
