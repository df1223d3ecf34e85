"""SQL of organisations: the register, its names, and the forgiving search."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from samband_contracts.values import Organisation, OrganisationKind
from samband_kit.database import Connection
from samband_kit.sorting import sort_key

from samband_registration.organisations.domain import OrganisationEntry, fold, stem


@dataclass(frozen=True, slots=True)
class Listed:
    """An organisation with what helps people to tell it from others."""

    organisation: Organisation
    county: str | None
    has_region_tasks: bool


@dataclass(frozen=True, slots=True)
class County:
    """One of Sweden's 21 counties."""

    code: str
    letter: str
    name: str


def organisation_of(row: asyncpg.Record, prefix: str = "") -> Organisation:
    """The value that events carry, from columns that may have a prefix."""
    return Organisation(
        organisation_id=row[f"{prefix}organisation_id"],
        name=row[f"{prefix}name"],
        kind=OrganisationKind(row[f"{prefix}kind"]),
        country=row[f"{prefix}country"],
        code=row[f"{prefix}code"],
    )


async def organisation(conn: Connection, organisation_id: UUID) -> Organisation | None:
    """The organisation with this id."""
    row = await conn.fetchrow(
        """
        select organisation_id, name, kind, country, code
        from organisations where organisation_id = $1
        """,
        organisation_id,
    )
    return None if row is None else organisation_of(row)


async def search(
    conn: Connection, query: str, *, country: str | None = None, limit: int = 6
) -> list[Listed]:
    """The organisations that `query` may mean, likeliest first.

    A name that is equal but for case, accents and words like "kommun" comes
    first, then names that begin like it, then those that are spelled alike.
    An empty query finds nothing.
    """
    rows = await conn.fetch(
        """
        select o.organisation_id, o.name, o.kind, o.country, o.code, c.name as county, o.has_region_tasks
        from organisations o
        left join counties c using (county_code)
        join (
            select organisation_id,
                   max(case when folded = $1 then 3
                            when stem = $2 then 2
                            when $2 <> '' and starts_with(stem, $2) then 1 + likeness(stem, $2)
                            else likeness(stem, $2) end) as score
            from organisation_names
            group by organisation_id
        ) found using (organisation_id)
        where found.score >= 0.25 and ($3::text is null or o.country = $3)
        order by found.score desc, o.sort_key, o.organisation_id
        limit $4
        """,
        fold(query),
        stem(query),
        country,
        limit,
    )
    return [Listed(organisation_of(row), row["county"], row["has_region_tasks"]) for row in rows]


async def by_code(conn: Connection, code: str) -> list[Listed]:
    """The Swedish organisation with this official code: four digits municipality, two region."""
    rows = await conn.fetch(
        """
        select o.organisation_id, o.name, o.kind, o.country, o.code,
               c.name as county, o.has_region_tasks
        from organisations o left join counties c using (county_code)
        where o.country = 'SE' and o.code = $1
        """,
        code,
    )
    return [Listed(organisation_of(row), row["county"], row["has_region_tasks"]) for row in rows]


async def same_name(conn: Connection, name: str, *, country: str) -> list[Organisation]:
    """The organisations that are called `name` but for case and accents."""
    rows = await conn.fetch(
        """
        select distinct o.organisation_id, o.name, o.kind, o.country, o.code, o.sort_key
        from organisation_names n join organisations o using (organisation_id)
        where n.folded = $1 and o.country = $2
        order by o.sort_key
        """,
        fold(name),
        country,
    )
    return [organisation_of(row) for row in rows]


async def same_stem(conn: Connection, name: str, *, country: str) -> list[Organisation]:
    """The organisations of a country whose name differs in general words at most."""
    rows = await conn.fetch(
        """
        select o.organisation_id, o.name, o.kind, o.country, o.code from organisations o
        where o.country = $1 and o.stem = $2 order by o.sort_key
        """,
        country,
        stem(name),
    )
    return [organisation_of(row) for row in rows]


async def names(conn: Connection, *, country: str) -> list[str]:
    """The names of a country's organisations in Swedish order, for suggestions."""
    rows = await conn.fetch(
        "select name from organisations where country = $1 order by sort_key", country
    )
    return [row["name"] for row in rows]


async def foreign(conn: Connection) -> list[Organisation]:
    """Every organisation abroad, by country and name."""
    rows = await conn.fetch(
        """
        select o.organisation_id, o.name, o.kind, o.country, o.code from organisations o
        where o.country <> 'SE' order by o.country, o.sort_key
        """
    )
    return [organisation_of(row) for row in rows]


async def lock_register(conn: Connection) -> None:
    """One writer of the register at a time; readers go on."""
    await conn.execute("lock table organisations in share row exclusive mode")


async def lock(conn: Connection, organisation_id: UUID) -> None:
    """Hold the organisation until the transaction ends: one decision about it at a time."""
    await conn.execute(
        "select from organisations where organisation_id = $1 for no key update", organisation_id
    )


async def entries(conn: Connection, *, country: str) -> dict[UUID, OrganisationEntry]:
    """What is stored of a country's organisations, by id."""
    rows = await conn.fetch(
        """
        select o.organisation_id, o.name, o.kind, o.country, o.code, o.short_name, o.county_code, o.has_region_tasks, names
        from organisations o join (
            select organisation_id, array_agg(name order by position) as names
            from organisation_names group by organisation_id
        ) n using (organisation_id)
        where o.country = $1
        """,
        country,
    )
    return {
        row["organisation_id"]: OrganisationEntry(
            organisation=organisation_of(row),
            short_name=row["short_name"],
            county_code=row["county_code"],
            has_region_tasks=row["has_region_tasks"],
            aliases=tuple(
                name for name in row["names"] if name not in (row["name"], row["short_name"])
            ),
        )
        for row in rows
    }


async def put_entries(conn: Connection, changed: Sequence[OrganisationEntry]) -> None:
    """Write organisations and all of their names, replacing what was there."""
    ids = [entry.organisation.organisation_id for entry in changed]
    await conn.execute(
        """
        insert into organisations
          (organisation_id, name, short_name, kind, country, code, county_code,
           has_region_tasks, sort_key, folded_name, stem)
        select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
          $6::text[], $7::text[], $8::boolean[], $9::text[], $10::text[], $11::text[])
        on conflict (organisation_id) do update set
          name = excluded.name, short_name = excluded.short_name,
          county_code = excluded.county_code, has_region_tasks = excluded.has_region_tasks,
          sort_key = excluded.sort_key, folded_name = excluded.folded_name,
          stem = excluded.stem, described_at = now()
        """,
        ids,
        [entry.organisation.name for entry in changed],
        [entry.short_name for entry in changed],
        [entry.organisation.kind for entry in changed],
        [entry.organisation.country for entry in changed],
        [entry.organisation.code for entry in changed],
        [entry.county_code for entry in changed],
        [entry.has_region_tasks for entry in changed],
        [sort_key(entry.organisation.name) for entry in changed],
        [fold(entry.organisation.name) for entry in changed],
        [stem(entry.organisation.name) for entry in changed],
    )
    await conn.execute("delete from organisation_names where organisation_id = any($1)", ids)
    called = [
        (entry.organisation.organisation_id, position, name, fold(name), stem(name))
        for entry in changed
        for position, name in enumerate(entry.names)
    ]
    await conn.execute(
        """
        insert into organisation_names (organisation_id, position, name, folded, stem)
        select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[])
        """,
        *(list(column) for column in zip(*called, strict=True)),
    )


async def put_counties(conn: Connection, counties: Sequence[County]) -> None:
    """Write the counties, replacing what was there."""
    await conn.execute(
        """
        insert into counties (county_code, letter, name)
        select * from unnest($1::text[], $2::text[], $3::text[])
        on conflict (county_code) do update
          set letter = excluded.letter, name = excluded.name
        """,
        [county.code for county in counties],
        [county.letter for county in counties],
        [county.name for county in counties],
    )
