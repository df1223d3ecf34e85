"""Listing: SQL of what staff look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from samband_notifications.deliveries.domain.happenings import Reason
from samband_notifications.deliveries.domain.machine import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from asyncpg import Record
    from samband_kit.database import Connection


@dataclass(frozen=True, slots=True)
class Listed:
    """A delivery as lists show it.

    `name` is None while the person is not known and after their erasure,
    which `erased` tells apart. No address: a list does not need it.
    """

    delivery_id: UUID
    template: str
    state: State
    reason: Reason | None
    created_at: datetime
    settled_at: datetime | None
    due_at: datetime | None
    attempts: int
    contact_id: UUID
    name: str | None
    organisation: str | None
    erased: bool


@dataclass(frozen=True, slots=True)
class Detail:
    """A delivery as its own page shows it; `about` is a reference or a meeting's title."""

    listed: Listed
    notification_id: UUID
    detail: str | None
    about_sv: str | None
    about_en: str | None
    expires_at: datetime
    superseded: bool


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of a delivery's history; `note` is a person's reason."""

    at: datetime
    state: State
    reason: Reason | None
    detail: str | None
    note: str | None
    by_staff: bool


_LISTED = """deliveries.delivery_id, deliveries.template, state, reason, deliveries.created_at,
    settled_at, due_at, attempts, recipient_id, recipients.name, organisations.name as organisation,
    recipients.erased_at is not null as erased"""
_WHO = """left join recipients on recipients.contact_id = deliveries.recipient_id
    left join organisations on organisations.organisation_id = recipients.organisation_id"""


async def page(
    conn: Connection,
    *,
    states: Sequence[State],
    templates: Sequence[str],
    after: UUID | None,
    limit: int,
) -> list[Listed]:
    """Up to `limit` deliveries, the newest first, those before `after`."""
    rows = await conn.fetch(
        f"""
        select {_LISTED} from deliveries {_WHO}
        where state = any($1) and template = any($2)
          and ($3::uuid is null or delivery_id < $3)
        order by delivery_id desc limit $4
        """,  # noqa: S608 - nothing but our own column list goes in
        [state.value for state in states],
        templates,
        after,
        limit,
    )
    return [_listed(row) for row in rows]


async def count(conn: Connection, *, states: Sequence[State], templates: Sequence[str]) -> int:
    """How many there are in all."""
    found = await conn.fetchval(
        "select count(*) from deliveries where state = any($1) and template = any($2)",
        [state.value for state in states],
        templates,
    )
    return int(found)


async def find(conn: Connection, delivery_id: UUID) -> Detail | None:
    """One delivery."""
    row = await conn.fetchrow(
        f"""
        select {_LISTED}, notifications.notification_id, detail, notifications.expires_at,
               coalesce(facts ->> 'reference', facts -> 'title' ->> 'sv') as about_sv,
               coalesce(facts ->> 'reference', facts -> 'title' ->> 'en') as about_en,
               exists (
                   select from notifications newer
                   where newer.thread = notifications.thread
                     and newer.object_id = notifications.object_id
                     and newer.version > notifications.version) as superseded
        from deliveries join notifications using (notification_id) {_WHO}
        where delivery_id = $1
        """,  # noqa: S608 - nothing but our own column list goes in
        delivery_id,
    )
    if row is None:
        return None
    return Detail(
        listed=_listed(row),
        notification_id=row["notification_id"],
        detail=row["detail"],
        about_sv=row["about_sv"],
        about_en=row["about_en"],
        expires_at=row["expires_at"],
        superseded=row["superseded"],
    )


async def steps(conn: Connection, delivery_id: UUID) -> list[Step]:
    """What happened to a delivery besides plain sailing, oldest first."""
    rows = await conn.fetch(
        """
        select at, state, reason, detail, note, actor_id is not null as by_staff
        from delivery_steps where delivery_id = $1 order by step_id
        """,
        delivery_id,
    )
    return [
        Step(
            at=row["at"],
            state=State(row["state"]),
            reason=_reason(row),
            detail=row["detail"],
            note=row["note"],
            by_staff=row["by_staff"],
        )
        for row in rows
    ]


def _listed(row: Record) -> Listed:
    return Listed(
        delivery_id=row["delivery_id"],
        template=row["template"],
        state=State(row["state"]),
        reason=_reason(row),
        created_at=row["created_at"],
        settled_at=row["settled_at"],
        due_at=row["due_at"],
        attempts=row["attempts"],
        contact_id=row["recipient_id"],
        name=row["name"],
        organisation=row["organisation"],
        erased=row["erased"],
    )


def _reason(row: Record) -> Reason | None:
    return Reason(row["reason"]) if row["reason"] else None
