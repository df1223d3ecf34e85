"""Audiences: SQL of representatives, and the lock that keeps audiences complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from samband_contracts.memberships import RepresentativesDescribed
    from samband_kit.database import Connection


@dataclass(frozen=True, slots=True)
class Former:
    """A person who acted for a member of a network."""

    membership_id: UUID
    contact_id: UUID
    network_id: UUID


async def lock(conn: Connection) -> None:
    """Wait until nobody else adds to or takes from audiences, to the end of the transaction.

    Who gets a message follows from facts of three topics. Two transactions
    that bring one of them each would not see the other's, and the delivery
    that needs both would be missing for ever.
    """
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended(current_schema() || '.audiences', 0))"
    )


async def replace(conn: Connection, described: Sequence[RepresentativesDescribed]) -> list[Former]:
    """Take over who acts for these members; returns those who no longer do."""
    pairs = [(one, contact_id) for one in described for contact_id in one.contact_ids]
    rows = await conn.fetch(
        """
        delete from representatives
        where membership_id = any($1)
          and (membership_id, contact_id) not in (select * from unnest($2::uuid[], $3::uuid[]))
        returning membership_id, contact_id, network_id
        """,
        [one.membership_id for one in described],
        [one.membership_id for one, _ in pairs],
        [contact_id for _, contact_id in pairs],
    )
    await conn.execute(
        """
        insert into representatives (membership_id, contact_id, network_id)
        select membership_id, contact_id, network_id
        from unnest($1::uuid[], $2::uuid[], $3::uuid[])
          as described (membership_id, contact_id, network_id)
        on conflict (membership_id, contact_id) do nothing
        """,
        [one.membership_id for one, _ in pairs],
        [contact_id for _, contact_id in pairs],
        [one.network_id for one, _ in pairs],
    )
    return [Former(row["membership_id"], row["contact_id"], row["network_id"]) for row in rows]
