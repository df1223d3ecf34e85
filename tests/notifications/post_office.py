"""A post office for tests: the notifications service on a database of its own.

`post_office` gives the tables and what applies facts as the consumer would;
`sending` runs a sender beside it, against a mail server.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prometheus_client import CollectorRegistry
from samband_contracts.contacts import ContactDescribed, ContactErased
from samband_contracts.meetings import InvitationIssued
from samband_contracts.memberships import RepresentativesDescribed
from samband_contracts.registrations import RegistrationReceived, RegistrationSubmitted
from samband_contracts.topics import topic_of
from samband_contracts.values import (
    Localised,
    MeetingForm,
    MeetingKind,
    Organisation,
    OrganisationKind,
)
from samband_kit.database import Pool, open_pool, transaction
from samband_kit.ids import new_id
from samband_kit.testing import Backing, Facts, eventually, service_settings
from samband_notifications.consumers import REACTIONS
from samband_notifications.sender.loop import Sender
from samband_notifications.settings import NotificationsSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_contracts.event import CloudEvent, Event
    from samband_kit.database import Connection

PACKAGE = "samband_notifications"
_HANDLERS = {kind: handler for reaction in REACTIONS for kind, handler in reaction.handlers.items()}


def an_organisation(name: str = "Lunds kommun") -> Organisation:
    return Organisation(
        organisation_id=new_id(), name=name, kind=OrganisationKind.MUNICIPALITY, country="SE"
    )


LUND = an_organisation()


def a_contact(
    name: str = "Anna Ek", email: str = "anna@lund.example", **more: Any
) -> ContactDescribed:
    given = {
        "contact_id": new_id(),
        "organisation_id": LUND.organisation_id,
        "name": name,
        "email": email,
        "language": "sv",
        "time_zone": "Europe/Stockholm",
    }
    return ContactDescribed(**(given | more))


def received(contact_id: UUID, **more: Any) -> RegistrationReceived:
    given = {
        "registration_id": new_id(),
        "call_id": new_id(),
        "reference": "LUN-4711",
        "organisation_id": LUND.organisation_id,
        "contact_id": contact_id,
        "counterpart_id": "undecided",
        "theme": "undecided",
        "expires_at": datetime.now(UTC) + timedelta(hours=72),
    }
    return RegistrationReceived(**(given | more))


def submitted(of: RegistrationReceived) -> RegistrationSubmitted:
    return RegistrationSubmitted(**of.model_dump(exclude={"expires_at"}))


def represented(network_id: UUID, *contacts: ContactDescribed) -> RepresentativesDescribed:
    """A member of the network, and these persons acting for it."""
    return RepresentativesDescribed(
        membership_id=new_id(),
        network_id=network_id,
        organisation_id=contacts[0].organisation_id if contacts else LUND.organisation_id,
        contact_ids=tuple(contact.contact_id for contact in contacts),
    )


def invited(network_id: UUID, **more: Any) -> InvitationIssued:
    starts_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    given = {
        "meeting_id": new_id(),
        "network_id": network_id,
        "network_name": Localised(
            sv="Nätverket för mänskliga rättigheter", en="the human rights network"
        ),
        "kind": MeetingKind.KICKOFF,
        "title": Localised(sv="Uppstart 2027", en="Kickoff 2027"),
        "agenda": Localised(sv="Välkomna.\n\nVi lär känna varandra.", en="Welcome.\n\nWe meet."),
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=1),
        "zone": "Europe/Stockholm",
        "form": MeetingForm.DIGITAL,
        "digital_link": "https://room.example/abc",
        "revision": 0,
    }
    return InvitationIssued(**(given | more))


@dataclass
class PostOffice:
    """The service's tables, and ways to fill and read them."""

    settings: NotificationsSettings
    pool: Pool
    facts: Facts
    registries: list[CollectorRegistry] = field(default_factory=list)

    async def hear(self, *events: Event) -> list[CloudEvent[Any]]:
        """Apply facts one by one, as the consumer would."""
        return [await self.hear_as(self.facts.envelope(event)) for event in events]

    async def hear_as(self, envelope: CloudEvent[Any]) -> CloudEvent[Any]:
        async with transaction(self.pool) as conn:
            await _HANDLERS[type(envelope.data)](conn, [envelope])
        return envelope

    async def hear_on(self, conn: Connection, event: Event) -> None:
        """Apply a fact in a transaction of the test's own."""
        envelope = self.facts.envelope(event)
        await _HANDLERS[type(event)](conn, [envelope])

    async def states(self) -> dict[str, str]:
        """Template and recipient's address to state, with the reason where there is one."""
        rows = await self.pool.fetch(
            """
            select template, coalesce(email, recipient_id::text) as address,
                   concat_ws(': ', state, reason) as state
            from deliveries left join recipients on contact_id = recipient_id
            order by delivery_id
            """
        )
        return {f"{row['template']} {row['address']}": row["state"] for row in rows}

    async def settled(self) -> list[dict[str, Any]]:
        """The facts about deliveries that were announced, in order."""
        rows = await self.pool.fetch(
            "select convert_from(value, 'UTF8')::jsonb as data from outbox order by position"
        )
        return [row["data"] for row in rows]

    async def steps(self) -> list[str]:
        """The history of all deliveries, in order."""
        rows = await self.pool.fetch(
            "select concat_ws(': ', state, reason) as step from delivery_steps order by step_id"
        )
        return [row["step"] for row in rows]

    async def make_due(self) -> None:
        """Let the time pass until the next attempts."""
        await self.pool.execute("update deliveries set due_at = now() where due_at > now()")

    @asynccontextmanager
    async def sending(self, **changed: Any) -> AsyncIterator[Sender]:
        """A sender at work; stopped as in a deployment."""
        registry = CollectorRegistry()
        self.registries.append(registry)
        sender = Sender(self.settings.model_copy(update=changed), self.pool, registry)
        stop = asyncio.Event()
        task = asyncio.create_task(sender.run(stop))
        try:
            yield sender
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)

    async def until(self, *states: str, timeout: float = 10) -> dict[str, str]:  # noqa: ASYNC109 - handed on
        """Wait until every delivery is in one of these states."""

        async def there() -> dict[str, str]:
            found = await self.states()
            wrong = {name: state for name, state in found.items() if state not in states}
            assert not wrong, wrong
            return found

        return await eventually(there, timeout)


@asynccontextmanager
async def post_office(
    backing: Backing, smtp_port: int = 1, **more: Any
) -> AsyncIterator[PostOffice]:
    """The service on a database of its own, its mail server on `smtp_port`."""
    given: dict[str, Any] = {
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp_port,
        "smtp_tls": "none",
        "smtp_connections": 4,
        "mail_from": "ICLD Samband <samband@icld.example>",
        "public_url": "https://samband.example",
    }
    async with service_settings(
        backing, PACKAGE, NotificationsSettings, **(given | more)
    ) as settings:
        pool = await open_pool(settings)
        try:
            yield PostOffice(settings, pool, Facts(settings))
        finally:
            await pool.close()


async def a_backlog(office: PostOffice, size: int) -> None:
    """A meeting with `size` guests, all of them due: `guest<n>@lund.example`."""
    rows = await office.pool.fetch(
        """
        insert into recipients (contact_id, organisation_id, name, email, language, time_zone)
        select uuidv7(), $1, 'Gäst ' || n, 'guest' || n || '@lund.example', 'sv',
               'Europe/Stockholm'
        from generate_series(1, $2) n
        returning contact_id
        """,
        LUND.organisation_id,
        size,
    )
    network_id = new_id()
    guests = represented(network_id).model_copy(
        update={"contact_ids": tuple(row["contact_id"] for row in rows)}
    )
    await office.hear(guests, invited(network_id))


def topic_name(event: Event) -> str:
    return topic_of(type(event)).name


def erased(contact: ContactDescribed) -> ContactErased:
    return ContactErased(contact_id=contact.contact_id)
