"""Notifications: SQL of messages before anybody in particular gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from samband_kit.correlation import Correlation

from samband_notifications.mails.facts import Facts, MeetingFacts, RegistrationFacts
from samband_notifications.notifications.domain import TEMPLATES, Template, Thread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from samband_contracts.event import CloudEvent
    from samband_kit.database import Connection


@dataclass(frozen=True, slots=True)
class Notification:
    """One message about one object, and the fact that led to it.

    Of one thread about one object the highest version counts. `network_id` is
    set where the members of a network are told, those of tomorrow included.
    """

    notification_id: UUID
    template: Template
    object_id: UUID
    version: int
    facts: Facts
    expires_at: datetime
    cause: CloudEvent[Any]
    network_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a sender needs of a notification; `facts` are read when they are wanted."""

    template: Template
    stored: str
    expires_at: datetime
    why: Correlation

    def facts(self) -> Facts:
        """What the mail tells.

        Raises:
            ValidationError: another version wrote something else.
        """
        kind = MeetingFacts if self.template.thread is Thread.MEETING else RegistrationFacts
        return kind.model_validate_json(self.stored)


async def insert(conn: Connection, notifications: Sequence[Notification]) -> None:
    """Write new notifications."""
    await conn.execute(
        """
        insert into notifications
          (notification_id, template, thread, object_id, version, network_id, facts, expires_at,
           event_id, correlation_id, traceparent)
        select notification_id, template, thread, object_id, version, network_id, facts::jsonb,
               expires_at, event_id, correlation_id, traceparent
        from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::uuid[],
                    $7::text[], $8::timestamptz[], $9::uuid[], $10::uuid[], $11::text[])
          as said (notification_id, template, thread, object_id, version, network_id, facts,
                   expires_at, event_id, correlation_id, traceparent)
        """,
        [one.notification_id for one in notifications],
        [one.template.name for one in notifications],
        [one.template.thread.value for one in notifications],
        [one.object_id for one in notifications],
        [one.version for one in notifications],
        [one.network_id for one in notifications],
        [one.facts.model_dump_json() for one in notifications],
        [one.expires_at for one in notifications],
        [one.cause.id for one in notifications],
        [one.cause.correlation_id or one.cause.id for one in notifications],
        [one.cause.traceparent for one in notifications],
    )


async def contents(conn: Connection, notification_ids: Sequence[UUID]) -> dict[UUID, Content]:
    """What the notifications say, and what they belong to."""
    rows = await conn.fetch(
        """
        select notification_id, template, facts::text as facts, expires_at, event_id,
               correlation_id, traceparent
        from notifications where notification_id = any($1)
        """,
        notification_ids,
    )
    return {
        row["notification_id"]: Content(
            template=TEMPLATES[row["template"]],
            stored=row["facts"],
            expires_at=row["expires_at"],
            why=Correlation(row["correlation_id"], row["event_id"], row["traceparent"]),
        )
        for row in rows
    }


async def references(conn: Connection, registration_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The references of registrations, as far as an earlier notification has told them."""
    rows = await conn.fetch(
        """
        select distinct on (object_id) object_id, facts ->> 'reference' as reference
        from notifications
        where object_id = any($1) and thread = $2 and facts ->> 'reference' is not null
        order by object_id, version desc
        """,
        registration_ids,
        Thread.RECEIPT.value,
    )
    return {row["object_id"]: row["reference"] for row in rows}
