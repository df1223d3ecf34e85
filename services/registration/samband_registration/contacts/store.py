"""SQL of contact persons."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from samband_contracts.topics import CONTACT_STATE
from samband_kit import erasure
from samband_kit.database import Connection

from samband_registration.contacts.domain import Contact


async def put(conn: Connection, contact: Contact) -> None:
    """Write a new contact person."""
    await conn.execute(
        """
        insert into contacts (contact_id, organisation_id, name, email, language, time_zone)
        values ($1, $2, $3, $4, $5, $6)
        """,
        contact.contact_id,
        contact.organisation_id,
        contact.name,
        contact.email,
        contact.language,
        contact.time_zone,
    )


async def contacts(conn: Connection, contact_ids: Sequence[UUID]) -> list[Contact]:
    """The contact persons with these ids that have not been erased, oldest first."""
    rows = await conn.fetch(
        """
        select contact_id, organisation_id, name, email, language, time_zone
        from contacts where contact_id = any($1) order by created_at, contact_id
        """,
        list(contact_ids),
    )
    return [_contact(row) for row in rows]


async def delete(conn: Connection, contact_ids: Sequence[UUID]) -> None:
    """Forget persons, also in what the outbox still says about them.

    Append their tombstones afterwards, in the same transaction.
    """
    await conn.execute("delete from contacts where contact_id = any($1)", list(contact_ids))
    await erasure.forget(conn, CONTACT_STATE, [str(contact_id) for contact_id in contact_ids])


def _contact(row: asyncpg.Record) -> Contact:
    return Contact(
        contact_id=row["contact_id"],
        organisation_id=row["organisation_id"],
        name=row["name"],
        email=row["email"],
        language=row["language"],
        time_zone=row["time_zone"],
    )
