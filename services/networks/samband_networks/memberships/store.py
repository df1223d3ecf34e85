"""SQL of memberships, and of the acceptances that they come from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from samband_contracts.values import Organisation, OrganisationKind
from samband_kit.database import Connection
from samband_kit.sorting import sort_key

from samband_networks.memberships.domain import Membership, MembershipUnknown, State

_MEMBER = """
membership_id, network_id, organisation_id, state, joined_at, ended_at,
name, kind, country, code,
(select count(*) from representatives
   where representatives.membership_id = memberships.membership_id) as representatives
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A membership as a list of members shows it."""

    membership: Membership
    organisation: Organisation
    joined_at: datetime
    ended_at: datetime | None
    representatives: int


@dataclass(frozen=True, slots=True)
class Representatives:
    """Who acts for a member, by opaque id."""

    membership: Membership
    contact_ids: tuple[UUID, ...]
    registration_id: UUID
    """The registration, one of those asked about, through which this came up."""


async def describe(conn: Connection, organisations: Collection[Organisation]) -> None:
    """Write down organisations as they are named now, in order of their ids."""
    ordered = sorted({one.organisation_id: one for one in organisations}.items())
    named = [organisation for _, organisation in ordered]
    await conn.execute(
        """
        insert into organisations (organisation_id, name, sort_key, kind, country, code)
        select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        on conflict (organisation_id) do update
          set name = excluded.name, sort_key = excluded.sort_key, kind = excluded.kind,
              country = excluded.country, code = excluded.code
        """,
        [one.organisation_id for one in named],
        [one.name for one in named],
        [sort_key(one.name) for one in named],
        [one.kind for one in named],
        [one.country for one in named],
        [one.code for one in named],
    )


async def states(conn: Connection, network_ids: Collection[UUID]) -> dict[UUID, dict[UUID, State]]:
    """Per network: the state of each organisation's membership."""
    rows = await conn.fetch(
        """
        select network_id, organisation_id, state from memberships
        where network_id = any($1::uuid[])
        """,
        list(network_ids),
    )
    found: dict[UUID, dict[UUID, State]] = {network_id: {} for network_id in network_ids}
    for row in rows:
        found[row["network_id"]][row["organisation_id"]] = State(row["state"])
    return found


async def insert(conn: Connection, memberships: Sequence[Membership]) -> None:
    """Write new memberships."""
    await conn.execute(
        """
        insert into memberships (membership_id, network_id, organisation_id, state, joined_at)
        select membership_id, network_id, organisation_id, state, now()
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[])
          as joined (membership_id, network_id, organisation_id, state)
        """,
        [one.membership_id for one in memberships],
        [one.network_id for one in memberships],
        [one.organisation_id for one in memberships],
        [one.state for one in memberships],
    )


async def lock(conn: Connection, network_id: UUID, membership_id: UUID) -> Membership:
    """The membership, locked; MembershipUnknown if this network has none of that id."""
    row = await conn.fetchrow(
        """
        select membership_id, network_id, organisation_id, state from memberships
        where network_id = $1 and membership_id = $2 for no key update
        """,
        network_id,
        membership_id,
    )
    if row is None:
        raise MembershipUnknown
    return _membership(row)


async def lock_active(conn: Connection, network_id: UUID) -> list[Membership]:
    """The active memberships of a network, locked."""
    rows = await conn.fetch(
        """
        select membership_id, network_id, organisation_id, state from memberships
        where network_id = $1 and state = 'active' order by membership_id for no key update
        """,
        network_id,
    )
    return [_membership(row) for row in rows]


async def end(conn: Connection, memberships: Sequence[Membership]) -> None:
    """Write the states of memberships that have ended."""
    await conn.execute(
        """
        update memberships set state = ended.state, ended_at = now()
        from unnest($1::uuid[], $2::text[]) as ended (membership_id, state)
        where memberships.membership_id = ended.membership_id
        """,
        [one.membership_id for one in memberships],
        [one.state for one in memberships],
    )


async def add_representatives(
    conn: Connection, registration_ids: Collection[UUID]
) -> list[Representatives]:
    """Let the contact persons of these registrations act for the members they gave.

    Those of registrations that were merged into them, at any remove, follow;
    a registration that no network has taken up yet gives nobody. Returns who
    acts now for each active member concerned.
    """
    rows = await conn.fetch(
        """
        with recursive
        -- From each registration up to the one that it ended in …
        upward (asked, registration_id) as (
            select asked, asked from unnest($1::uuid[]) as given (asked)
          union
            select asked, into_id from merged_registrations join upward using (registration_id)
        ),
        -- … and from that one down to everything that became part of it.
        parts (asked, membership_id, registration_id) as (
            select asked, membership_id, registration_id
            from upward
              join acceptances using (registration_id)
              join memberships using (network_id, organisation_id)
          union
            select asked, membership_id, merged.registration_id
            from parts join merged_registrations as merged
              on merged.into_id = parts.registration_id
        ),
        contacts (membership_id, contact_id) as (
            select membership_id, unnest(contact_ids)
            from parts join acceptances using (registration_id)
          union
            select membership_id, unnest(contact_ids)
            from parts join merged_registrations using (registration_id)
        ),
        added as (
            insert into representatives (membership_id, contact_id)
            select membership_id, contact_id from contacts order by membership_id, contact_id
            on conflict (membership_id, contact_id) do nothing
        ),
        -- The insert above is not visible here yet, so both are put together.
        everybody (membership_id, contact_id) as (
            select membership_id, contact_id from contacts
          union
            select membership_id, contact_id from representatives
            where membership_id in (select membership_id from contacts)
        )
        select memberships.membership_id, network_id, organisation_id, state,
          array_agg(contact_id order by contact_id) as contact_ids,
          (select asked from parts where parts.membership_id = memberships.membership_id
           order by asked limit 1) as asked
        from everybody
          join memberships on memberships.membership_id = everybody.membership_id
        where state = 'active'
        group by memberships.membership_id
        order by memberships.membership_id
        """,
        list(registration_ids),
    )
    return [
        Representatives(_membership(row), tuple(row["contact_ids"]), row["asked"]) for row in rows
    ]


async def members(conn: Connection, network_id: UUID) -> list[Member]:
    """Everybody who is or was a member, active ones first, in Swedish order of names."""
    rows = await conn.fetch(
        f"""
        select {_MEMBER}
        from memberships join organisations using (organisation_id)
        where network_id = $1
        order by state <> 'active', sort_key, organisation_id
        limit 1000
        """,  # noqa: S608 - constant
        network_id,
    )
    return [_member(row) for row in rows]


async def active(conn: Connection, network_id: UUID) -> list[Member]:
    """The active members, in Swedish order of names: those who are invited to meetings."""
    found = await members(conn, network_id)
    return [member for member in found if member.membership.state is State.ACTIVE]


async def member(conn: Connection, network_id: UUID, membership_id: UUID) -> Member:
    """One member; MembershipUnknown if this network has none of that id."""
    row = await conn.fetchrow(
        f"""
        select {_MEMBER}
        from memberships join organisations using (organisation_id)
        where network_id = $1 and membership_id = $2
        """,  # noqa: S608 - constant
        network_id,
        membership_id,
    )
    if row is None:
        raise MembershipUnknown
    return _member(row)


async def countries(conn: Connection, network_id: UUID) -> list[str]:
    """The countries of a network's active members."""
    rows = await conn.fetch(
        """
        select distinct country from memberships join organisations using (organisation_id)
        where network_id = $1 and state = 'active' order by country
        """,
        network_id,
    )
    return [row["country"] for row in rows]


def _membership(row: asyncpg.Record) -> Membership:
    return Membership(
        row["membership_id"], row["network_id"], row["organisation_id"], State(row["state"])
    )


def _member(row: asyncpg.Record) -> Member:
    return Member(
        _membership(row),
        Organisation(
            organisation_id=row["organisation_id"],
            name=row["name"],
            kind=OrganisationKind(row["kind"]),
            country=row["country"],
            code=row["code"],
        ),
        row["joined_at"],
        row["ended_at"],
        row["representatives"],
    )
