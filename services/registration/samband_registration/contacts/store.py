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


async def lock(conn: Connection, contact_id: UUID) -> Contact | None:
    """The contact person, held until the transaction ends; None if unknown or erased."""
    row = await conn.fetchrow(
        """
        select contact_id, organisation_id, name, email, language, time_zone
        from contacts where contact_id = $1 for update
        """,
        contact_id,
    )
    return None if row is None else _contact(row)


async def behind(
    conn: Connection, *, reference: str | None = None, email: str | None = None
) -> list[tuple[str, Contact]]:
    """Contact persons with the references of their registrations, newest registration last."""
    rows = await conn.fetch(
        """
        select r.reference, c.contact_id, c.organisation_id, c.name, c.email, c.language,
               c.time_zone
        from contacts c
        join registration_contacts using (contact_id)
        join registrations r using (registration_id)
        where ($1::text is null or r.reference = upper($1))
          and ($2::text is null or lower(c.email) = lower($2))
        order by r.registration_id, position
        """,
        reference,
        email,
    )
    return [(row["reference"], _contact(row)) for row in rows]


async def update(conn: Connection, contact: Contact) -> None:
    """Write what a correction can change."""
    await conn.execute(
        "update contacts set name = $2, email = $3, language = $4 where contact_id = $1",
        contact.contact_id,
        contact.name,
        contact.email,
        contact.language,
    )


async def forget_messages(conn: Connection, contact_id: UUID) -> None:
    """Forget what the person wrote when they sent registrations."""
    await conn.execute(
        """
        update registrations r set message = ''
        from registration_contacts sender
        where sender.registration_id = r.registration_id and sender.position = 1
          and sender.contact_id = $1 and r.message <> ''
        """,
        contact_id,
    )


async def forget_facts(conn: Connection, contact_ids: Sequence[UUID]) -> None:
    """Forget what the outbox says about persons; append what is true now afterwards."""
    await erasure.forget(conn, CONTACT_STATE, [str(contact_id) for contact_id in contact_ids])


async def delete(conn: Connection, contact_ids: Sequence[UUID]) -> None:
    """Forget persons, also in what the outbox still says about them.

    Append their tombstones afterwards, in the same transaction.
    """
    await conn.execute("delete from contacts where contact_id = any($1)", list(contact_ids))
    await forget_facts(conn, contact_ids)


def _contact(row: asyncpg.Record) -> Contact:
    return Contact(
        contact_id=row["contact_id"],
        organisation_id=row["organisation_id"],
        name=row["name"],
        email=row["email"],
        language=row["language"],
        time_zone=row["time_zone"],
    )
