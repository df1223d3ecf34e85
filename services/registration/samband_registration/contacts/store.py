"""SQL of contact persons."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from samband_contracts.topics import CONTACT_STATE
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
    """Forget persons, in the facts about them that lie in the outbox too.

    Facts that were not sent yet keep their bytes until the relay has sent
    them; the tombstone behind them erases them on the topic, and the outbox
    drops rows of state topics after a while.
    """
    ids = list(contact_ids)
    await conn.execute("delete from contacts where contact_id = any($1)", ids)
    await conn.execute(
        """
        update outbox set value = null
        where topic = $1 and key = any($2) and published_at is not null
        """,
        CONTACT_STATE.name,
        [str(contact_id) for contact_id in ids],
    )


def _contact(row: asyncpg.Record) -> Contact:
    return Contact(
        contact_id=row["contact_id"],
        organisation_id=row["organisation_id"],
        name=row["name"],
        email=row["email"],
        language=row["language"],
        time_zone=row["time_zone"],
    )
