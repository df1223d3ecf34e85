"""What a person may ask for: to have what is kept about them corrected, or erased.

Operators do it, in their transaction, and it is audited by id alone.
"""

from uuid import UUID

from samband_kit import audit, outbox
from samband_kit.database import Connection

from samband_registration.contacts import store
from samband_registration.contacts.domain import (
    Contact,
    ContactUnknown,
    Correction,
    corrected,
    erased,
)


async def correct(
    conn: Connection, contact_id: UUID, correction: Correction, *, operator: str, reason: str
) -> Contact:
    """Write down what is right, tell it, and forget what was wrong, also in the outbox.

    Raises:
        ContactUnknown: there is no such person, or they have been erased.
    """
    known = await store.lock(conn, contact_id)
    if known is None:
        raise ContactUnknown
    right = corrected(known, correction)
    await store.update(conn, right)
    await store.forget_facts(conn, [contact_id])
    await outbox.append(conn, [right.described()])
    await audit.record(
        conn,
        operator=operator,
        command="correct-contact",
        subject=str(contact_id),
        reason=reason,
    )
    return right


async def erase(conn: Connection, contact_id: UUID, *, operator: str, reason: str) -> None:
    """Forget a person and what they wrote; what others know of them goes with the tombstone.

    Their organisation's registrations stand, without a person to write to.

    Raises:
        ContactUnknown: there is no such person, or they have been erased already.
    """
    # Registrations before persons: the order in which the daily erasure locks them.
    await store.forget_messages(conn, contact_id)
    if await store.lock(conn, contact_id) is None:
        raise ContactUnknown
    await store.delete(conn, [contact_id])
    await outbox.append(conn, [erased(contact_id)])
    await audit.record(
        conn,
        operator=operator,
        command="erase-contact",
        subject=str(contact_id),
        reason=reason,
    )
