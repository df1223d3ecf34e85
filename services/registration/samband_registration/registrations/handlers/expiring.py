"""What time brings: registrations end, and the data of those that ended is erased.

An erasure is one transaction: persons, what they wrote, what the outbox still
says about them, and the tombstones that tell the others.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from samband_contracts.event import Event
from samband_kit import outbox
from samband_kit.database import Connection, Pool, transaction

from samband_registration.clock import now as clock
from samband_registration.contacts import store as contacts
from samband_registration.contacts.domain import erased
from samband_registration.registrations.domain.machine import Expire, Registration, decide
from samband_registration.registrations.handlers.writing import SYSTEM
from samband_registration.registrations.store import erasing, rows

AT_ONCE = 500
"""How many registrations one transaction takes."""

_Page: TypeAlias = Callable[[Connection, datetime], Awaitable[int]]


async def expire(pool: Pool) -> int:
    """End the registrations whose time to confirm is over, and erase their data; how many.

    Safe in any number of processes at once: each takes what no other holds.
    """

    async def page(conn: Connection, at: datetime) -> int:
        late = await erasing.lock_expired(conn, at, limit=AT_ONCE)
        decisions = [decide(one, Expire(), at) for one in late]
        ended = [after for after, _ in decisions]
        await rows.update(conn, ended)
        await rows.record(conn, ended, action="expire", actor=SYSTEM.role, now=at)
        await _erase(conn, ended, at, [event for _, events in decisions for event in events])
        return len(late)

    return await _page_by_page(pool, page)


async def erase_ended(pool: Pool, *, keep: timedelta) -> int:
    """Erase the data of what was declined or withdrawn longer than `keep` ago; how many.

    What was withdrawn before it was confirmed goes when it would have expired.
    Registrations that had joined one of these go with it. A person who stands
    behind another registration as well is kept for that one.
    """

    async def page(conn: Connection, at: datetime) -> int:
        ended = await erasing.lock_ended(conn, before=at - keep, now=at, limit=AT_ONCE)
        joined = await erasing.lock_joined(conn, [one.registration_id for one in ended])
        await rows.record(conn, [*ended, *joined], action="erase", actor=SYSTEM.role, now=at)
        await _erase(conn, [*ended, *joined], at, [])
        return len(ended)

    return await _page_by_page(pool, page)


async def _page_by_page(pool: Pool, page: _Page) -> int:
    total = 0
    while True:
        async with transaction(pool) as conn:
            done = await page(conn, await clock(conn))
        total += done
        if done < AT_ONCE:
            return total


async def _erase(
    conn: Connection, gone: Sequence[Registration], at: datetime, events: Sequence[Event]
) -> None:
    ids = [one.registration_id for one in gone]
    await erasing.erase(conn, ids, at)
    people = await erasing.nobody_elses(conn, ids)
    await contacts.delete(conn, people)
    await outbox.append(conn, [*events, *map(erased, people)])
