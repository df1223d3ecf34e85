"""Recipients: SQL of what registration says about contact persons."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from samband_contracts.contacts import ContactDescribed
    from samband_kit.database import Connection


async def put(conn: Connection, contacts: Sequence[ContactDescribed]) -> None:
    """Take over how these persons may be reached."""
    await conn.execute(
        """
        insert into recipients (contact_id, organisation_id, name, email, language, time_zone)
        select contact_id, organisation_id, name, email, language, time_zone
        from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
          as described (contact_id, organisation_id, name, email, language, time_zone)
        on conflict (contact_id) do update
          set organisation_id = excluded.organisation_id, name = excluded.name,
              email = excluded.email, language = excluded.language,
              time_zone = excluded.time_zone, erased_at = null
        """,
        [contact.contact_id for contact in contacts],
        [contact.organisation_id for contact in contacts],
        [contact.name for contact in contacts],
        [contact.email for contact in contacts],
        [contact.language for contact in contacts],
        [contact.time_zone for contact in contacts],
    )


async def erase(conn: Connection, contact_ids: Sequence[UUID]) -> None:
    """Forget these persons; what stays is that there is nobody behind the id any more."""
    await conn.execute(
        """
        insert into recipients (contact_id, erased_at)
        select contact_id, now() from unnest($1::uuid[]) as erased (contact_id)
        on conflict (contact_id) do update
          set organisation_id = null, name = null, email = null, language = null,
              time_zone = null, erased_at = now()
        """,
        contact_ids,
    )
