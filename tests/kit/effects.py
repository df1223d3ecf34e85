"""A service that only notes what it was told: the least that consuming can be tested with."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
from samband_contracts.contacts import ContactDescribed, ContactErased
from samband_contracts.event import CloudEvent, Event
from samband_contracts.kafka import to_headers, to_value
from samband_contracts.memberships import MembershipJoined, MembershipLeft
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS, Topic, topic_of
from samband_contracts.values import Organisation, OrganisationKind
from samband_kit.consumer.records import Arrived, read
from samband_kit.ids import new_id
from samband_kit.reactions import Reaction
from samband_kit.testing import create_topics, service_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from samband_kit.database import Connection, Pool
    from samband_kit.settings import Settings
    from samband_kit.testing import Backing

TABLE = """
create table effects (
    position bigint generated always as identity primary key,
    key text not null,
    sequence bigint not null,
    event_type text not null,
    content text not null
)
"""


@asynccontextmanager
async def settings_with_effects(backing: Backing, **more: Any) -> AsyncIterator[Settings]:
    """A database of the kit with the table of effects, and all topics."""
    async with service_settings(backing, "samband_kit", **more) as settings:
        conn = await asyncpg.connect(settings.database_url.get_secret_value())
        await conn.execute(TABLE)
        await conn.close()
        await create_topics(settings)
        yield settings


class Refused(Exception):
    """The handler cannot apply this event."""


@dataclass
class Listener:
    """Reacts to memberships and contacts by noting each event.

    It fails for `broken` keys and runs out of time for `slow` ones.
    """

    broken: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    sets: list[list[str]] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def note(self, conn: Connection, events: Sequence[CloudEvent[Any]]) -> None:
        if self.hold is not None:
            await self.hold.wait()
        self.sets.append([event.subject for event in events])
        await conn.execute(
            """
            insert into effects (key, sequence, event_type, content)
            select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
            """,
            [event.subject for event in events],
            [event.sequence for event in events],
            [event.type for event in events],
            [event.data.model_dump_json() for event in events],
        )
        if any(event.subject in self.slow for event in events):
            await conn.execute("set local statement_timeout = 50")
            await conn.execute("select pg_sleep(1)")
        if any(event.subject in self.broken for event in events):
            raise Refused("not this one")

    @property
    def memberships(self) -> Reaction:
        return Reaction(MEMBERSHIPS, {MembershipJoined: self.note, MembershipLeft: self.note})

    @property
    def joined_only(self) -> Reaction:
        return Reaction(MEMBERSHIPS, {MembershipJoined: self.note})

    @property
    def contacts(self) -> Reaction:
        return Reaction(CONTACT_STATE, {ContactDescribed: self.note, ContactErased: self.note})


def joined(membership_id: UUID) -> MembershipJoined:
    lund = Organisation(
        organisation_id=new_id(),
        name="Lunds kommun",
        kind=OrganisationKind.MUNICIPALITY,
        country="SE",
        code="1281",
    )
    return MembershipJoined(membership_id=membership_id, network_id=new_id(), organisation=lund)


def left(membership_id: UUID) -> MembershipLeft:
    return MembershipLeft(
        membership_id=membership_id, network_id=new_id(), organisation_id=new_id()
    )


def described(contact_id: UUID, name: str = "Kim") -> ContactDescribed:
    return ContactDescribed(
        contact_id=contact_id,
        organisation_id=new_id(),
        name=name,
        email="kim@lund.example",
        language="sv",
        time_zone="Europe/Stockholm",
    )


def said(event: Event, sequence: int) -> CloudEvent[Any]:
    """The event as its owner would publish it."""
    return CloudEvent(
        id=new_id(),
        source=topic_of(type(event)).source,
        type=event.TYPE,
        subject=event.key,
        time=datetime.now(UTC),
        sequence=sequence,
        data=event,
        correlation_id=new_id(),
    )


def story(key: UUID, length: int) -> list[CloudEvent[Any]]:
    """The first events of one membership, in order."""
    return [
        said(joined(key) if sequence % 2 else left(key), sequence)
        for sequence in range(1, length + 1)
    ]


def arrived(event: CloudEvent[Any], offset: int = 0, partition: int = 0) -> Arrived:
    """The event as read from Kafka."""
    return read(
        topic_of(type(event.data)),
        partition,
        offset,
        event.subject.encode(),
        to_headers(event),
        to_value(event.data),
    )


def raw(
    topic: Topic,
    *,
    key: bytes | None = None,
    value: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] = (),
    offset: int = 0,
) -> Arrived:
    """Whatever bytes, as read from Kafka."""
    return read(topic, 0, offset, key, headers, value)


async def effects(pool: Pool, key: object | None = None) -> list[int]:
    """The sequences that were applied, in the order in which they were; of one key or of all."""
    rows = await pool.fetch(
        "select sequence from effects where $1::text is null or key = $1 order by position",
        None if key is None else str(key),
    )
    return [row["sequence"] for row in rows]


async def parked_as(pool: Pool) -> list[tuple[int | None, str]]:
    """Sequence and reason of what is parked, in order."""
    rows = await pool.fetch(
        "select sequence, reason from parked where skipped_at is null order by key, sequence"
    )
    return [(row["sequence"], row["reason"]) for row in rows]
