"""SQL of interest registrations: their state, their contact persons, their history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

import asyncpg
from samband_kit.database import Connection

from samband_registration.organisations.store import organisation_of
from samband_registration.registrations.domain.machine import (
    STANDING,
    UNDECIDED,
    Registration,
    State,
)

Wish: TypeAlias = Literal["join", "keep"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a registration's history; `account_id` where staff did it."""

    at: datetime
    actor: str
    account_id: UUID | None
    action: str
    state: State


READ = """
select r.registration_id, r.call_id, r.reference, r.theme, r.state, r.expires_at,
       r.confirmed_at, r.ended_at, r.duplicate_of, r.merged_into,
       o.organisation_id as own_organisation_id, o.name as own_name, o.kind as own_kind,
       o.country as own_country, o.code as own_code,
       c.organisation_id as other_organisation_id, c.name as other_name, c.kind as other_kind,
       c.country as other_country, c.code as other_code,
       (select array_agg(contact_id order by position) from registration_contacts p
        where p.registration_id = r.registration_id) as contact_ids
from registrations r
join organisations o on o.organisation_id = r.organisation_id
left join organisations c on c.organisation_id = r.counterpart_id
"""
"""How a registration is read, with both organisations; each use adds its own condition."""

_BY_ID = f"{READ} where r.registration_id = $1"
_LOCK_BY_IDS = (
    f"{READ} where r.registration_id = any($1) order by r.registration_id for update of r"
)
_SAME = f"""{READ}
where r.call_id = $1 and r.organisation_id = $2 and r.confirmed_at is not null
  and r.state = any($3)
"""


async def registration(conn: Connection, registration_id: UUID) -> Registration | None:
    """The registration with this id."""
    row = await conn.fetchrow(_BY_ID, registration_id)
    return None if row is None else read_row(row)


async def joined(conn: Connection, part: Registration) -> Registration | None:
    """The registration that this one is now a part of, also by way of others."""
    into: Registration | None = None
    following = part.merged_into
    while following is not None:
        into = await registration(conn, following)
        following = into.merged_into if into else None
    return into


async def lock(conn: Connection, *registration_ids: UUID) -> dict[UUID, Registration]:
    """The registrations with these ids, held until the transaction ends.

    Locked in the order of their ids, so that two callers cannot deadlock.
    """
    rows = await conn.fetch(_LOCK_BY_IDS, list(registration_ids))
    return {row["registration_id"]: read_row(row) for row in rows}


async def standing(conn: Connection, call_id: UUID, organisation_id: UUID) -> list[Registration]:
    """The organisation's confirmed registrations in the call that have not ended."""
    rows = await conn.fetch(_SAME, call_id, organisation_id, [state.value for state in STANDING])
    return [read_row(row) for row in rows]


async def insert(conn: Connection, new: Registration, *, message: str, now: datetime) -> bool:
    """Write a new registration; False if its reference is taken and nothing was written."""
    counterpart = new.counterpart_id
    written: bool | None = await conn.fetchval(
        """
        insert into registrations
          (registration_id, reference, call_id, organisation_id, counterpart_id, theme,
           message, state, expires_at, received_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (reference) do nothing returning true
        """,
        new.registration_id,
        new.reference,
        new.call_id,
        new.organisation.organisation_id,
        None if counterpart == UNDECIDED else counterpart,
        new.theme,
        message,
        new.state,
        new.expires_at,
        now,
    )
    return written is True


async def update(conn: Connection, changed: Sequence[Registration]) -> None:
    """Write what a command can change."""
    await conn.execute(
        """
        update registrations r
        set state = changed.state, confirmed_at = changed.confirmed_at,
            ended_at = changed.ended_at, duplicate_of = changed.duplicate_of,
            merged_into = changed.merged_into
        from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::uuid[],
                    $6::uuid[])
          as changed (registration_id, state, confirmed_at, ended_at, duplicate_of, merged_into)
        where r.registration_id = changed.registration_id
        """,
        [one.registration_id for one in changed],
        [one.state for one in changed],
        [one.confirmed_at for one in changed],
        [one.ended_at for one in changed],
        [one.duplicate_of for one in changed],
        [one.merged_into for one in changed],
    )


async def put_contacts(conn: Connection, changed: Registration) -> None:
    """Write who stands behind the registration; nobody is removed."""
    await conn.execute(
        """
        insert into registration_contacts (registration_id, contact_id, position)
        select $1, contact_id, position
        from unnest($2::uuid[]) with ordinality as person (contact_id, position)
        on conflict (registration_id, contact_id) do nothing
        """,
        changed.registration_id,
        list(changed.contact_ids),
    )


async def message(conn: Connection, registration_id: UUID) -> str:
    """What the sender wrote to ICLD."""
    text: str = await conn.fetchval(
        "select message from registrations where registration_id = $1", registration_id
    )
    return text


async def wish(conn: Connection, registration_id: UUID) -> Wish | None:
    """What the sender answered to the offer to join the other one; None until then."""
    answered: Wish | None = await conn.fetchval(
        """
        select case when asked_to_join_at is not null then 'join'
                    when kept_by_sender_at is not null then 'keep' end
        from registrations where registration_id = $1
        """,
        registration_id,
    )
    return answered


async def put_wish(conn: Connection, registration_id: UUID, wish: Wish, now: datetime) -> None:
    """Note what the sender wants now; the caller holds the row."""
    await conn.execute(
        """
        update registrations
        set asked_to_join_at = case $2::text when 'join' then $3::timestamptz end,
            kept_by_sender_at = case $2::text when 'keep' then $3::timestamptz end
        where registration_id = $1
        """,
        registration_id,
        wish,
        now,
    )


async def record(
    conn: Connection,
    registrations: Sequence[Registration],
    *,
    action: str,
    actor: str,
    now: datetime,
    account_id: UUID | None = None,
) -> None:
    """Write a line into the history of each; the callers hold the rows."""
    await conn.execute(
        """
        insert into registration_history
          (registration_id, entry, at, actor, account_id, action, state)
        select registration_id,
               1 + (select count(*) from registration_history h
                    where h.registration_id = done.registration_id),
               $3, $4, $5, $6, state
        from unnest($1::uuid[], $2::text[]) as done (registration_id, state)
        """,
        [one.registration_id for one in registrations],
        [one.state for one in registrations],
        now,
        actor,
        account_id,
        action,
    )


async def history(conn: Connection, registration_id: UUID) -> list[Entry]:
    """What happened to the registration, oldest first."""
    rows = await conn.fetch(
        """
        select at, actor, account_id, action, state
        from registration_history where registration_id = $1 order by entry
        """,
        registration_id,
    )
    return [
        Entry(row["at"], row["actor"], row["account_id"], row["action"], State(row["state"]))
        for row in rows
    ]


def read_row(row: asyncpg.Record) -> Registration:
    """The registration of a row of `READ`."""
    return Registration(
        registration_id=row["registration_id"],
        call_id=row["call_id"],
        reference=row["reference"],
        organisation=organisation_of(row, "own_"),
        counterpart=(
            UNDECIDED if row["other_organisation_id"] is None else organisation_of(row, "other_")
        ),
        theme=row["theme"],
        contact_ids=tuple(row["contact_ids"] or ()),
        state=State(row["state"]),
        expires_at=row["expires_at"],
        confirmed_at=row["confirmed_at"],
        ended_at=row["ended_at"],
        duplicate_of=row["duplicate_of"],
        merged_into=row["merged_into"],
    )
