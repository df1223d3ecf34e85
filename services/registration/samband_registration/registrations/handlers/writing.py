"""How every command on a registration is written: hold it, decide, write what follows."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from samband_kit import outbox
from samband_kit.database import Connection

from samband_registration.clock import now as clock
from samband_registration.organisations import store as organisations
from samband_registration.registrations.domain.duplicates import absorb
from samband_registration.registrations.domain.machine import (
    Command,
    Merge,
    Registration,
    RegistrationUnknown,
    decide,
    trigger_of,
)
from samband_registration.registrations.store import rows


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something to a registration; `account_id` where it is one of staff."""

    role: Literal["sender", "staff", "system"]
    account_id: UUID | None = None


SENDER = Actor("sender")
SYSTEM = Actor("system")


async def held(conn: Connection, registration_id: UUID) -> Registration:
    """The registration, locked until the transaction ends."""
    found = await rows.lock(conn, registration_id)
    if registration_id not in found:
        raise RegistrationUnknown
    return found[registration_id]


async def held_with_organisation(conn: Connection, registration_id: UUID) -> Registration:
    """The registration, and with it every decision on what is a duplicate of what.

    One of an organisation's registrations is decided about at a time: two
    that are confirmed at once must not both be the first.
    """
    seen = await rows.registration(conn, registration_id)
    if seen is None:
        raise RegistrationUnknown
    await organisations.lock(conn, seen.organisation.organisation_id)
    return await held(conn, registration_id)


async def apply(
    conn: Connection, before: Registration, command: Command, actor: Actor
) -> Registration:
    """Decide about a registration that is held; write state, event and history."""
    at = await clock(conn)
    after, events = decide(before, command, at)
    await rows.update(conn, [after])
    await rows.record(
        conn,
        [after],
        action=trigger_of(command),
        actor=actor.role,
        account_id=actor.account_id,
        now=at,
    )
    await outbox.append(conn, events)
    return after


async def merge(conn: Connection, before: Registration, actor: Actor) -> Registration:
    """Make a held duplicate a part of the first one; its contact persons follow.

    The caller holds the organisation too, so no other merge of its
    registrations is under way.
    """
    first = before.duplicate_of or before.registration_id
    into = await held(conn, first)
    # The first one may itself have become a part of another since.
    while into.merged_into is not None:
        into = await held(conn, into.merged_into)
    after = await apply(conn, before, Merge(into=into.registration_id), actor)
    await rows.put_contacts(conn, absorb(into, before))
    return after
