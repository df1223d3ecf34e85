"""SQL of acceptances: accepted, merged and withdrawn registrations.

The row of the call is locked (`calls.store.lock`) by everybody who writes
here, so what belongs together is never written past each other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from samband_contracts.event import CloudEvent
from samband_contracts.registrations import RegistrationAccepted, RegistrationMerged
from samband_contracts.values import Organisation, OrganisationKind
from samband_kit.correlation import Correlation
from samband_kit.database import Connection

from samband_networks.acceptances.domain import Acceptance, Withdrawn, acceptance


async def record(conn: Connection, events: Sequence[CloudEvent[RegistrationAccepted]]) -> None:
    """Write down acceptances; their organisations are there already."""
    accepted = [acceptance(event.data) for event in events]
    # Contact ids travel as one text each, because unnest flattens arrays of arrays.
    await conn.execute(
        """
        insert into acceptances
          (registration_id, call_id, organisation_id, counterpart_id, contact_ids,
           accepted_at, event_id, correlation_id, traceparent)
        select registration_id, call_id, organisation_id, counterpart_id,
               string_to_array(contacts, ',')::uuid[], accepted_at, event_id, correlation_id,
               traceparent
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[],
                    $6::timestamptz[], $7::uuid[], $8::uuid[], $9::text[])
          as accepted (registration_id, call_id, organisation_id, counterpart_id, contacts,
                       accepted_at, event_id, correlation_id, traceparent)
        on conflict (registration_id) do nothing
        """,
        [one.registration_id for one in accepted],
        [one.call_id for one in accepted],
        [one.organisation.organisation_id for one in accepted],
        [one.counterpart and one.counterpart.organisation_id for one in accepted],
        [",".join(map(str, one.contact_ids)) for one in accepted],
        [event.time for event in events],
        [event.id for event in events],
        [event.correlation_id or event.id for event in events],
        [event.traceparent for event in events],
    )


async def waiting(conn: Connection, call_id: UUID) -> list[tuple[Acceptance, Correlation]]:
    """The acceptances of a call that no network has taken up, in order of time.

    Each with the correlation of the fact that brought it.
    """
    rows = await conn.fetch(
        """
        select registration_id, call_id, contact_ids, event_id, correlation_id, traceparent,
          own.organisation_id, own.name, own.kind, own.country, own.code,
          other.organisation_id as other_id, other.name as other_name, other.kind as other_kind,
          other.country as other_country, other.code as other_code
        from acceptances
          join organisations as own using (organisation_id)
          left join organisations as other on other.organisation_id = counterpart_id
        where call_id = $1 and network_id is null and withdrawn_at is null
        order by accepted_at, registration_id
        """,
        call_id,
    )
    return [
        (
            Acceptance(
                registration_id=row["registration_id"],
                call_id=row["call_id"],
                organisation=_organisation(row, "organisation_id", ""),
                counterpart=_organisation(row, "other_id", "other_") if row["other_id"] else None,
                contact_ids=tuple(row["contact_ids"]),
            ),
            Correlation(row["correlation_id"], row["event_id"], row["traceparent"]),
        )
        for row in rows
    ]


async def follow(conn: Connection, followed: Mapping[UUID, UUID]) -> None:
    """Write which network took up each of these registrations."""
    await conn.execute(
        """
        update acceptances set network_id = followed.network_id
        from unnest($1::uuid[], $2::uuid[]) as followed (registration_id, network_id)
        where acceptances.registration_id = followed.registration_id
        """,
        list(followed),
        list(followed.values()),
    )


async def release(conn: Connection, network_id: UUID) -> None:
    """The network is cancelled: its acceptances wait for another one."""
    await conn.execute("update acceptances set network_id = null where network_id = $1", network_id)


async def merge(conn: Connection, merged: Sequence[RegistrationMerged]) -> None:
    """Write down which registrations became part of which."""
    await conn.execute(
        """
        insert into merged_registrations (registration_id, into_id, contact_ids)
        select registration_id, into_id, string_to_array(contacts, ',')::uuid[]
        from unnest($1::uuid[], $2::uuid[], $3::text[])
          as merged (registration_id, into_id, contacts)
        on conflict (registration_id) do nothing
        """,
        [one.registration_id for one in merged],
        [one.into for one in merged],
        [",".join(map(str, one.contact_ids)) for one in merged],
    )


async def withdraw(conn: Connection, withdrawn: Mapping[UUID, datetime]) -> list[Withdrawn]:
    """Write down withdrawals; returns those whose registration a network had taken up."""
    rows = await conn.fetch(
        """
        update acceptances set withdrawn_at = withdrawn.at
        from unnest($1::uuid[], $2::timestamptz[]) as withdrawn (registration_id, at)
        where acceptances.registration_id = withdrawn.registration_id
        returning acceptances.registration_id, network_id, organisation_id
        """,
        list(withdrawn),
        list(withdrawn.values()),
    )
    return [
        Withdrawn(row["registration_id"], row["network_id"], row["organisation_id"])
        for row in rows
        if row["network_id"] is not None
    ]


def _organisation(row: asyncpg.Record, key: str, prefix: str) -> Organisation:
    return Organisation(
        organisation_id=row[key],
        name=row[f"{prefix}name"],
        kind=OrganisationKind(row[f"{prefix}kind"]),
        country=row[f"{prefix}country"],
        code=row[f"{prefix}code"],
    )
