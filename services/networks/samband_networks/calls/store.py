"""SQL of calls: a projection of what registration announces."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from samband_contracts.calls import CallClosed, CallOpened
from samband_contracts.values import Localised
from samband_kit.database import Connection


@dataclass(frozen=True, slots=True)
class Call:
    """A call that can feed a network."""

    call_id: UUID
    title: Localised
    waiting: int
    """Accepted registrations that wait for a network."""


async def lock(conn: Connection, call_ids: Collection[UUID]) -> None:
    """Lock the rows of these calls, in order, making those that are missing.

    Everything that connects acceptances with networks holds this lock, so
    that an acceptance and the network that it waits for cannot miss each
    other.
    """
    await conn.execute(
        """
        insert into calls (call_id)
        select call_id from unnest($1::uuid[]) as named (call_id) order by call_id
        on conflict (call_id) do nothing
        """,
        list(call_ids),
    )
    await conn.execute(
        "select call_id from calls where call_id = any($1::uuid[]) order by call_id for no key update",
        list(call_ids),
    )


async def known(conn: Connection, call_id: UUID) -> bool:
    """True if registration has announced this call."""
    found = await conn.fetchval(
        "select true from calls where call_id = $1 and title_sv is not null", call_id
    )
    return found is not None


async def titles(conn: Connection, call_ids: Collection[UUID]) -> dict[UUID, Localised]:
    """What these calls are named; those not announced yet are left out."""
    rows = await conn.fetch(
        """
        select call_id, title_sv, title_en from calls
        where call_id = any($1::uuid[]) and title_sv is not null
        """,
        list(call_ids),
    )
    return {row["call_id"]: Localised(sv=row["title_sv"], en=row["title_en"]) for row in rows}


async def without_network(conn: Connection) -> list[Call]:
    """Announced calls that no living network is fed by, the newest first."""
    rows = await conn.fetch(
        """
        select call_id, title_sv, title_en,
          (select count(*) from acceptances
             where acceptances.call_id = calls.call_id
               and network_id is null and withdrawn_at is null) as waiting
        from calls
        where title_sv is not null
          and not exists (
            select from networks
            where networks.call_id = calls.call_id
              and networks.state not in ('closed', 'cancelled'))
        order by opens_at desc, call_id
        limit 200
        """
    )
    return [
        Call(row["call_id"], Localised(sv=row["title_sv"], en=row["title_en"]), row["waiting"])
        for row in rows
    ]


async def open_calls(conn: Connection, opened: Sequence[CallOpened]) -> None:
    """Write down calls that were announced."""
    await conn.execute(
        """
        insert into calls (call_id, title_sv, title_en, opens_at, closes_at, zone)
        select * from unnest(
            $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[])
        on conflict (call_id) do update
          set title_sv = excluded.title_sv, title_en = excluded.title_en,
              opens_at = excluded.opens_at, closes_at = excluded.closes_at, zone = excluded.zone
        """,
        [call.call_id for call in opened],
        [call.title.sv for call in opened],
        [call.title.en for call in opened],
        [call.opens_at for call in opened],
        [call.closes_at for call in opened],
        [call.zone for call in opened],
    )


async def close_calls(conn: Connection, closed: Sequence[CallClosed]) -> None:
    """Write down that calls have closed; they go on feeding their networks."""
    await conn.execute(
        """
        update calls set closed_at = closed.closed_at
        from unnest($1::uuid[], $2::timestamptz[]) as closed (call_id, closed_at)
        where calls.call_id = closed.call_id
        """,
        [call.call_id for call in closed],
        [call.closed_at for call in closed],
    )
