"""SQL of what time brings: registrations that are over, and whose data must go."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from samband_kit.database import Connection

from samband_registration.registrations.domain.machine import Registration
from samband_registration.registrations.store.rows import READ, read_row

_LOCK_EXPIRED = f"""{READ}
where r.state = 'unverified' and r.expires_at <= $1
order by r.registration_id limit $2 for update of r skip locked
"""
# What nobody confirmed is promised to be deleted early, also when it was withdrawn.
_LOCK_ENDED = f"""{READ}
where r.ended_at is not null and r.erased_at is null
  and (r.ended_at <= $1 or r.confirmed_at is null and r.expires_at <= $2)
order by r.registration_id limit $3 for update of r skip locked
"""
_LOCK_JOINED = f"""{READ}
where r.erased_at is null and r.registration_id in (
    with recursive joined as (
        select registration_id from registrations where merged_into = any($1)
        union
        select next.registration_id from registrations next
        join joined on next.merged_into = joined.registration_id)
    select registration_id from joined)
order by r.registration_id for update of r
"""  # noqa: S608 - nothing but the constant above goes in


async def lock_expired(conn: Connection, now: datetime, *, limit: int) -> list[Registration]:
    """Unverified registrations whose time is over; skips those that somebody holds."""
    return [read_row(row) for row in await conn.fetch(_LOCK_EXPIRED, now, limit)]


async def lock_ended(
    conn: Connection, *, before: datetime, now: datetime, limit: int
) -> list[Registration]:
    """Registrations whose data is still here and must go; skips those that somebody holds.

    They ended at or before `before`, or were never confirmed in time.
    """
    return [read_row(row) for row in await conn.fetch(_LOCK_ENDED, before, now, limit)]


async def lock_joined(conn: Connection, registration_ids: Collection[UUID]) -> list[Registration]:
    """The registrations that have become a part of these, also by way of others."""
    return [read_row(row) for row in await conn.fetch(_LOCK_JOINED, list(registration_ids))]


async def nobody_elses(conn: Connection, registration_ids: Collection[UUID]) -> list[UUID]:
    """The persons behind these registrations who stand behind no other whose data is kept."""
    rows = await conn.fetch(
        """
        select distinct contact_id from registration_contacts mine
        where registration_id = any($1)
          and not exists (
              select from registration_contacts other
              join registrations r on r.registration_id = other.registration_id
              where other.contact_id = mine.contact_id
                and other.registration_id <> all($1) and r.erased_at is null)
        order by contact_id
        """,
        list(registration_ids),
    )
    return [row["contact_id"] for row in rows]


async def erase(conn: Connection, registration_ids: Collection[UUID], now: datetime) -> None:
    """Forget what the senders wrote, and note that their data is gone."""
    await conn.execute(
        """
        update registrations set message = '', erased_at = $2 where registration_id = any($1)
        """,
        list(registration_ids),
        now,
    )
