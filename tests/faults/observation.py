"""Observation: everything that can be seen of a run once it is over, as plain rows.

Read from the owner's outbox, Kafka's whole log, the consumers' tables and the
mailbox, and only then compared, by `tests.faults.invariants`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from samband_contracts.topics import REGISTRATIONS, Topic
from samband_kit import kafka, topics
from samband_kit.consumer.lag import LogEnds
from samband_kit.kafka import KafkaError
from samband_notifications.notifications.domain import TEMPLATES

from tests.faults.history import Command

if TYPE_CHECKING:
    import asyncpg
    from samband_kit.database import Pool
    from samband_kit.settings import Settings

    from tests.notifications.mail_server import MailServer


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of an outbox."""

    topic: str
    key: str
    sequence: int
    event_id: UUID
    event_type: str
    correlation_id: UUID | None


@dataclass(frozen=True, slots=True)
class Logged:
    """A record in Kafka's log."""

    topic: str
    partition: int
    offset: int
    key: str
    sequence: int
    event_id: UUID
    event_type: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What one event did to a consumer's tables, in the order of the list it stands in."""

    topic: str
    key: str
    sequence: int
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parked record."""

    topic: str
    partition: int
    offset: int
    key: str | None
    sequence: int | None
    reason: str


@dataclass(frozen=True)
class Consumer:
    """A subscriber: which types of which topics have an effect, and what has become of them.

    Of event topics alone: on state topics newer records do away with older ones.
    """

    name: str
    handled: Mapping[str, frozenset[str]]
    effects: Sequence[Effect]
    positions: Mapping[tuple[str, str], int]
    parked: Sequence[Waiting] = ()
    committed: Mapping[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A command of the history and the facts that came of it.

    `wanted` is how many should, all or none; `done` how often it took effect.
    """

    command: Command
    facts: Sequence[Fact]
    wanted: int = 1
    done: int = 1


@dataclass(frozen=True)
class Delivery:
    """A row of the deliveries, and how often it was in doubt."""

    delivery_id: UUID
    state: str
    recipient: str | None
    name: str | None
    doubts: int


@dataclass(frozen=True)
class Posted:
    """A mail that the mail server has stored."""

    message_id: str
    recipient: str
    text: str


@dataclass(frozen=True)
class Observation:
    """All of a run. What a case does not look at stays empty.

    `planned` when nothing but planned stops happened: then nothing comes twice.
    """

    outbox: Sequence[Fact] = ()
    log: Sequence[Logged] = ()
    consumers: Sequence[Consumer] = ()
    asked: Sequence[Asked] = ()
    unasked: Sequence[Fact] = ()
    deliveries: Sequence[Delivery] = ()
    mails: Sequence[Posted] = ()
    planned: bool = False


async def outbox(pool: Pool) -> list[Fact]:
    """All facts of an owner, in the order of their positions."""
    rows = await pool.fetch(
        """
        select topic, key, sequence, event_id, event_type, correlation_id from outbox
        where quarantined_at is null order by position
        """
    )
    return [Fact(*row) for row in rows]


async def log(settings: Settings, wanted: Sequence[Topic]) -> list[Logged]:
    """All ordered records of these topics, in the order of each partition."""
    found = []
    for topic in wanted:
        name = topics.physical(settings.kafka_prefix, topic)
        async for record in kafka.read(settings.kafka, name):
            headers = {name: value or b"" for name, value in record.headers}
            if "ce_sequence" in headers:
                found.append(
                    Logged(
                        topic.name,
                        record.partition,
                        record.offset,
                        (record.key or b"").decode(),
                        int(headers["ce_sequence"]),
                        UUID(headers["ce_id"].decode()),
                        headers["ce_type"].decode(),
                    )
                )
    return found


async def positions(pool: Pool) -> dict[tuple[str, str], int]:
    """How far a consumer has come in each key."""
    rows = await pool.fetch("select topic, key, last_sequence from positions")
    return {(row["topic"], row["key"]): row["last_sequence"] for row in rows}


async def parked(pool: Pool) -> list[Waiting]:
    """What a consumer could not apply."""
    rows = await pool.fetch(
        "select topic, partition, record_offset, key, sequence, reason from parked"
        " where skipped_at is null order by parked_id"
    )
    return [Waiting(*row) for row in rows]


async def committed(
    ends: LogEnds, settings: Settings, service: str, wanted: Sequence[Topic]
) -> dict[tuple[str, int], int]:
    """By topic and partition, the offset that a service's group goes on from."""
    found: dict[tuple[str, int], int] = {}
    for topic in wanted:
        places = await ends.committed(
            topics.group(settings.kafka_prefix, service, topic),
            topics.physical(settings.kafka_prefix, topic),
        )
        found |= {(topic.name, place.partition): offset for place, offset in places.items()}
    return found


async def behind(
    ends: LogEnds, settings: Settings, service: str, wanted: Sequence[Topic]
) -> dict[str, int]:
    """By topic, how many records a service's group has not committed.

    A Kafka that does not answer at the moment is a failed assertion, for `eventually`.
    """
    found: dict[str, int] = {}
    for topic in wanted:
        group = topics.group(settings.kafka_prefix, service, topic)
        try:
            places = await ends.committed(group, topics.physical(settings.kafka_prefix, topic))
            last = await ends.ends(set(places))
        except (KafkaError, OSError, TimeoutError) as error:
            raise AssertionError(f"Kafka does not say how far {group} is: {error!r}") from error
        found[topic.name] = sum(last[place] - offset for place, offset in places.items())
    return {name: records for name, records in found.items() if records}


async def deliveries(pool: Pool) -> list[Delivery]:
    """All deliveries; how often each was uncertain is what its history says.

    A name is what the mail must hold, so one that names nobody has none.
    """
    rows: list[asyncpg.Record] = await pool.fetch(
        """
        select delivery_id, template, deliveries.state, recipients.email, recipients.name,
               (select count(*) from delivery_steps step
                where step.delivery_id = deliveries.delivery_id and step.state = 'uncertain')
                 as doubts
        from deliveries left join recipients on contact_id = recipient_id
        order by delivery_id
        """
    )
    return [
        Delivery(
            row["delivery_id"],
            row["state"],
            row["email"],
            row["name"] if TEMPLATES[row["template"]].names_recipient else None,
            row["doubts"],
        )
        for row in rows
    ]


async def told(pool: Pool) -> list[Effect]:
    """What notifications made of facts about registrations: one message each."""
    rows = await pool.fetch(
        """
        select object_id::text, version, event_id from notifications
        where thread <> 'meeting' order by created_at, notification_id
        """
    )
    return [Effect(REGISTRATIONS.name, *row) for row in rows]


def posted(server: MailServer) -> list[Posted]:
    """What a mail server has stored."""
    found = []
    for mail in server.mails:
        body = mail.message.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        found.append(Posted(mail.message_id, mail.recipient, text))
    return found


def sequences(records: Sequence[Any]) -> dict[tuple[str, str], list[Any]]:
    """Rows by topic and key, in their order."""
    found: dict[tuple[str, str], list[Any]] = {}
    for record in records:
        found.setdefault((record.topic, record.key), []).append(record)
    return found
