"""What staff look through: filters, count, and pages by key."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from samband_kit.database import Connection

from samband_registration.organisations.domain import stem
from samband_registration.registrations.domain.machine import State
from samband_registration.registrations.domain.reference import read_reference

PAGE = 25

_MATCHING = """
from registrations r
join organisations o on o.organisation_id = r.organisation_id
left join organisations c on c.organisation_id = r.counterpart_id
where ($1::text is null or r.state = $1)
  and ($2::uuid is null or r.call_id = $2)
  and ($3::text is null or r.reference = $3)
  and ($4::text is null or exists (
        select from organisation_names n
        where n.organisation_id in (r.organisation_id, r.counterpart_id)
          and position($4 in n.folded) > 0))
"""
_COUNT = f"select count(*) {_MATCHING}"
_ROWS = f"""
select r.registration_id, r.reference, r.state, r.received_at, r.theme,
       o.name as organisation, c.name as counterpart
{_MATCHING}
"""
_OLDER = f"""{_ROWS}
  and ($5::uuid is null or r.registration_id < $5) order by r.registration_id desc limit $6
"""
_NEWER = f"{_ROWS} and r.registration_id > $5 order by r.registration_id limit $6"


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked for; `text` is part of a name, or a reference number."""

    state: State | None = None
    call_id: UUID | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One registration in the list; `counterpart` None is "not decided yet"."""

    registration_id: UUID
    reference: str
    state: State
    received_at: datetime
    organisation: str
    counterpart: str | None
    theme: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list, newest first, and the keys of its neighbours."""

    rows: tuple[Row, ...]
    count: int
    newer: UUID | None
    older: UUID | None


async def listing(
    conn: Connection,
    filters: Filters,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = PAGE,
) -> Listing:
    """The page that follows the key `after`, or precedes `before`, or the first one."""
    reference = read_reference(filters.text) if filters.text else None
    name = stem(filters.text) if filters.text and reference is None else None
    if name == "":
        return Listing((), 0, None, None)
    arguments = (
        filters.state,
        filters.call_id,
        reference,
        name,
    )
    count: int = await conn.fetchval(_COUNT, *arguments)
    found = (
        await conn.fetch(_OLDER, *arguments, after, limit + 1)
        if before is None
        else await conn.fetch(_NEWER, *arguments, before, limit + 1)
    )
    more = len(found) > limit
    shown = found[:limit] if before is None else reversed(found[:limit])
    rows = tuple(
        Row(
            row["registration_id"],
            row["reference"],
            State(row["state"]),
            row["received_at"],
            row["organisation"],
            row["counterpart"],
            row["theme"],
        )
        for row in shown
    )
    has_newer = more if before is not None else after is not None
    has_older = more if before is None else True
    return Listing(
        rows=rows,
        count=count,
        newer=rows[0].registration_id if rows and has_newer else None,
        older=rows[-1].registration_id if rows and has_older else None,
    )
