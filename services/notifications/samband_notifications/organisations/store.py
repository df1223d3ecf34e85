"""Organisations: SQL of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.values import Organisation
    from samband_kit.database import Connection


async def put(conn: Connection, organisations: Sequence[Organisation]) -> None:
    """Take over names as their owner describes them."""
    await conn.execute(
        """
        insert into organisations (organisation_id, name)
        select organisation_id, name
        from unnest($1::uuid[], $2::text[]) as described (organisation_id, name)
        on conflict (organisation_id) do update set name = excluded.name
        """,
        [organisation.organisation_id for organisation in organisations],
        [organisation.name for organisation in organisations],
    )
