"""Leases: SQL by which senders share the queue without getting in each other's way.

A claimed row carries the claim's token until its lease ends. Whatever a
sender does later names that token, so one that slept through its lease can
neither begin DATA nor record anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from samband_notifications.deliveries.domain.happenings import Claim
from samband_notifications.deliveries.domain.machine import Delivery
from samband_notifications.deliveries.store.rows import COLUMNS, read
from samband_notifications.deliveries.store.twins import postpone, twins
from samband_notifications.notifications.domain import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.values import Language
    from samband_kit.database import Connection

_UNTIL_DECIDED = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that may be tried, what decides whether it still should, and to whom it goes."""

    delivery: Delivery
    claim: Claim
    name: str
    email: str
    language: Language
    time_zone: str
    organisation: str | None


async def due(conn: Connection, *, limit: int) -> list[Due]:
    """Up to `limit` deliveries that are due, oldest first, locked to the end of the transaction.

    Rows that another sender is looking at are passed over. One whose address
    is getting the same message as another contact waits until that is decided.
    Templates that this version does not know are left to one that does.
    """
    rows = await conn.fetch(
        f"""
        with due as (
            select {COLUMNS} from deliveries
            where state in ('queued', 'waiting') and due_at <= clock_timestamp()
              and template = any($2)
            order by due_at
            limit $1
            for update skip locked
        )
        select due.*, notifications.expires_at, clock_timestamp() as now,
               recipients.erased_at is not null as erased,
               recipients.name, recipients.email, recipients.language, recipients.time_zone,
               organisations.name as organisation,
               exists (
                   select from notifications newer
                   where newer.thread = notifications.thread
                     and newer.object_id = notifications.object_id
                     and newer.version > notifications.version) as superseded
        from due
        join notifications on notifications.notification_id = due.notification_id
        join recipients on recipients.contact_id = due.recipient_id
        left join organisations on organisations.organisation_id = recipients.organisation_id
        """,  # noqa: S608 - nothing but our own column list goes in
        limit,
        list(TEMPLATES),
    )
    found = await twins(conn, [row["delivery_id"] for row in rows])
    await postpone(conn, list(found.undecided), by=_UNTIL_DECIDED)
    return [
        Due(
            delivery=read(row),
            claim=Claim(
                row["now"],
                erased=row["erased"],
                superseded=row["superseded"],
                duplicate=row["delivery_id"] in found.told,
                expires_at=row["expires_at"],
            ),
            name=row["name"] or "",
            email=row["email"] or "",
            language=row["language"] or "sv",
            time_zone=row["time_zone"] or "UTC",
            organisation=row["organisation"],
        )
        for row in rows
        if row["delivery_id"] not in found.undecided
    ]


async def lease(
    conn: Connection, delivery_ids: Sequence[UUID], token: UUID, *, lasting: timedelta
) -> None:
    """Mark deliveries that `due` returned in this transaction as being sent under `token`."""
    await conn.execute(
        """
        update deliveries
        set state = 'sending', lease_token = $2, lease_until = clock_timestamp() + $3,
            data_started_at = null, due_at = null
        where delivery_id = any($1)
        """,
        delivery_ids,
        token,
        lasting,
    )


async def renew(
    conn: Connection, leased: Sequence[tuple[UUID, UUID]], *, lasting: timedelta
) -> None:
    """Keep deliveries that wait for their turn: pairs of delivery and token."""
    await conn.execute(
        """
        update deliveries set lease_until = clock_timestamp() + $3
        from unnest($1::uuid[], $2::uuid[]) as leased (delivery_id, token)
        where deliveries.delivery_id = leased.delivery_id
          and deliveries.lease_token = leased.token
          and deliveries.data_started_at is null
        """,
        [delivery_id for delivery_id, _ in leased],
        [token for _, token in leased],
        lasting,
    )


async def start(
    conn: Connection, leased: Sequence[tuple[UUID, UUID]], *, lasting: timedelta
) -> set[UUID]:
    """Write down that DATA is about to begin: pairs of delivery and token.

    Returns those that may begin. The others were skipped meanwhile, or their
    lease is over. Must be committed before DATA; writing it twice is harmless.
    """
    rows = await conn.fetch(
        """
        update deliveries
        set data_started_at = clock_timestamp(), lease_until = clock_timestamp() + $3
        from unnest($1::uuid[], $2::uuid[]) as leased (delivery_id, token)
        where deliveries.delivery_id = leased.delivery_id
          and deliveries.lease_token = leased.token
          and deliveries.lease_until > clock_timestamp()
        returning deliveries.delivery_id
        """,
        [delivery_id for delivery_id, _ in leased],
        [token for _, token in leased],
        lasting,
    )
    return {row["delivery_id"] for row in rows}


async def ended(conn: Connection, *, limit: int) -> list[Delivery]:
    """Up to `limit` deliveries whose lease is over, locked."""
    rows = await conn.fetch(
        f"""
        select {COLUMNS} from deliveries
        where state = 'sending' and lease_until <= clock_timestamp()
        order by delivery_id limit $1
        for update skip locked
        """,  # noqa: S608 - nothing but our own column list goes in
        limit,
    )
    return [read(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much is unfinished, and for how long the oldest due delivery has been waiting."""

    counts: dict[tuple[str, str], int]
    oldest_seconds: float


async def backlog(conn: Connection) -> Backlog:
    """The queue as the gauges show it."""
    rows = await conn.fetch(
        """
        select state, template, count(*) as count from deliveries
        where state not in ('sent', 'delivered') and state <> 'skipped'
        group by state, template
        """
    )
    oldest = await conn.fetchval(
        """
        select extract(epoch from clock_timestamp() - min(due_at))::float8 from deliveries
        where state in ('queued', 'waiting') and due_at <= clock_timestamp()
        """
    )
    counts = {(row["state"], row["template"]): row["count"] for row in rows}
    return Backlog(counts, oldest or 0.0)


def claimed(found: Due, delivery: Delivery) -> Due:
    """`found` with its delivery as it is after the claim."""
    return replace(found, delivery=delivery)
