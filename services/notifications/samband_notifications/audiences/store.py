"""Audiences: SQL of memberships, and the lock that keeps audiences complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from samband_contracts.memberships import MembershipJoined
    from samband_kit.database import Connection


async def lock(conn: Connection) -> None:
    """Wait until nobody else adds to or takes from audiences, to the end of the transaction.

    Who gets a message follows from facts of three topics. Two transactions
    that bring one of them each would not see the other's, and the delivery
    that needs both would be missing for ever.
    """
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended(current_schema() || '.audiences', 0))"
    )


async def put(conn: Connection, memberships: Sequence[MembershipJoined]) -> None:
    """Remember that these organisations are members."""
    await conn.execute(
        """
        insert into memberships (membership_id, network_id, organisation_id, active)
        select membership_id, network_id, organisation_id, true
        from unnest($1::uuid[], $2::uuid[], $3::uuid[])
          as joined (membership_id, network_id, organisation_id)
        on conflict (membership_id) do update
          set network_id = excluded.network_id, organisation_id = excluded.organisation_id,
              active = true
        """,
        [membership.membership_id for membership in memberships],
        [membership.network_id for membership in memberships],
        [membership.organisation.organisation_id for membership in memberships],
    )


async def end(conn: Connection, membership_ids: Sequence[UUID]) -> None:
    """These memberships are over."""
    await conn.execute(
        "update memberships set active = false where membership_id = any($1)", membership_ids
    )
