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
    await record(conn, after, trigger_of(command), actor)
    await outbox.append(conn, events)
    return after


async def held_first(conn: Connection, duplicate: Registration) -> Registration:
    """The registration that a held duplicate would become a part of, locked as well.

    The caller holds the organisation too, so no other merge of its
    registrations is under way.
    """
    first = await held(conn, duplicate.duplicate_of or duplicate.registration_id)
    # The first one may itself have become a part of another since.
    while first.merged_into is not None:
        first = await held(conn, first.merged_into)
    return first


async def merge(
    conn: Connection, before: Registration, into: Registration, actor: Actor
) -> Registration:
    """Make a held duplicate a part of `into`, held as well; its contact persons follow."""
    after = await apply(conn, before, Merge(into=into.registration_id), actor)
    grown = absorb(into, before)
    await rows.put_contacts(conn, grown)
    await record(conn, grown, "absorb", actor)
    return after


async def record(conn: Connection, registration: Registration, action: str, actor: Actor) -> None:
    """Write a line into the history of a registration that is held."""
    await rows.record(
        conn,
        [registration],
        action=action,
        actor=actor.role,
        account_id=actor.account_id,
        now=await clock(conn),
    )
