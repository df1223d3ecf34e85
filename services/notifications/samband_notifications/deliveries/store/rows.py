"""Rows: SQL that loads deliveries for a decision and writes what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from samband_notifications.deliveries.domain.happenings import Reason
from samband_notifications.deliveries.domain.machine import Delivery, State
from samband_notifications.notifications.domain import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from samband_kit.database import Connection

    from samband_notifications.audiences.store import Former

COLUMNS = """delivery_id, notification_id, recipient_id, template, state, reason, attempts, doubts,
    data_started_at is not null as started"""
"""What `read` needs of a row called `deliveries`."""

# A claimed delivery can be skipped until its DATA may have begun.
_SKIPPABLE = """(deliveries.state in ('queued', 'waiting', 'held', 'uncertain')
    or deliveries.state = 'sending' and deliveries.data_started_at is null)"""

_PLAIN = (State.SENDING, State.SENT)


@dataclass(frozen=True, slots=True)
class Change:
    """A delivery as it is now, and what else is worth keeping about the change.

    `token` makes the change depend on the lease that the writer believes to
    hold. `detail` is the mail server's words; `actor_id` and `note` say which
    person did it and why; `doubted` adds to the history that it was uncertain.
    """

    delivery: Delivery
    token: UUID | None = None
    detail: str | None = None
    actor_id: UUID | None = None
    note: str | None = None
    doubted: bool = False


def read(row: Any) -> Delivery:
    """The delivery of a row with `COLUMNS`."""
    return Delivery(
        delivery_id=row["delivery_id"],
        notification_id=row["notification_id"],
        contact_id=row["recipient_id"],
        template=row["template"],
        policy=TEMPLATES[row["template"]].policy,
        state=State(row["state"]),
        started=row["started"],
        attempts=row["attempts"],
        doubts=row["doubts"],
        reason=Reason(row["reason"]) if row["reason"] else None,
        due_in=None,
    )


async def lock(conn: Connection, delivery_id: UUID) -> Delivery | None:
    """One delivery, locked."""
    row = await conn.fetchrow(
        f"select {COLUMNS} from deliveries where delivery_id = $1 for update",  # noqa: S608 - as below
        delivery_id,
    )
    return None if row is None else read(row)


async def lock_unsent(conn: Connection, recipient_ids: Sequence[UUID]) -> list[Delivery]:
    """What has not left for these recipients; locked."""
    rows = await conn.fetch(
        f"""
        select {COLUMNS} from deliveries
        where recipient_id = any($1) and {_SKIPPABLE}
        order by delivery_id for update
        """,  # noqa: S608 - nothing but our own column list goes in
        recipient_ids,
    )
    return [read(row) for row in rows]


async def lock_superseded(
    conn: Connection, notification_ids: Sequence[UUID]
) -> list[tuple[Delivery, UUID]]:
    """What has not left and is overtaken by these notifications, each with that one; locked."""
    rows = await conn.fetch(
        f"""
        select {COLUMNS}, newer_id
        from (
            select older.notification_id, newer.notification_id as newer_id
            from notifications newer
            join notifications older
              on older.thread = newer.thread and older.object_id = newer.object_id
                 and older.version < newer.version
            where newer.notification_id = any($1)) overtaken
        join deliveries using (notification_id)
        where {_SKIPPABLE}
        order by delivery_id for update of deliveries
        """,  # noqa: S608 - nothing but our own column list goes in
        notification_ids,
    )
    return [(read(row), row["newer_id"]) for row in rows]


async def lock_of_former(conn: Connection, former: Sequence[Former]) -> list[tuple[Delivery, UUID]]:
    """What has not left for these persons, who act for nobody in the network now; locked.

    Each with the membership that they acted for.
    """
    if not former:
        return []
    rows = await conn.fetch(
        f"""
        select {COLUMNS}, former.membership_id
        from unnest($1::uuid[], $2::uuid[], $3::uuid[])
          as former (membership_id, contact_id, network_id)
        join deliveries on deliveries.recipient_id = former.contact_id
        join notifications using (notification_id, template)
        where notifications.network_id = former.network_id
          and not exists (
              select from representatives other
              where other.network_id = former.network_id and other.contact_id = former.contact_id)
          and {_SKIPPABLE}
        order by delivery_id for update of deliveries
        """,  # noqa: S608 - nothing but our own column list goes in
        [one.membership_id for one in former],
        [one.contact_id for one in former],
        [one.network_id for one in former],
    )
    first = {row["delivery_id"]: (read(row), row["membership_id"]) for row in rows}
    return list(first.values())


async def save(conn: Connection, changes: Sequence[Change]) -> set[UUID]:
    """Write changed deliveries, with their history where it is not plain sailing.

    Returns the ids that were written: a change whose lease is another's by
    now is left out.
    """
    if not changes:
        return set()
    deliveries = [change.delivery for change in changes]
    rows = await conn.fetch(
        """
        update deliveries
        set state = changed.state, reason = changed.reason, detail = changed.detail,
            due_at = clock_timestamp() + changed.due_in,
            attempts = changed.attempts, doubts = changed.doubts,
            lease_token = null, lease_until = null,
            data_started_at = case when changed.state = 'sent' then data_started_at end,
            settled_at = case when changed.state in ('sent', 'failed', 'skipped', 'held')
                              then clock_timestamp() end
        from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::interval[],
                    $7::integer[], $8::integer[])
          as changed (delivery_id, token, state, reason, detail, due_in, attempts, doubts)
        where deliveries.delivery_id = changed.delivery_id
          and (changed.token is null or deliveries.lease_token = changed.token)
        returning deliveries.delivery_id
        """,
        [delivery.delivery_id for delivery in deliveries],
        [change.token for change in changes],
        [delivery.state.value for delivery in deliveries],
        [delivery.reason and delivery.reason.value for delivery in deliveries],
        [change.detail for change in changes],
        [delivery.due_in for delivery in deliveries],
        [delivery.attempts for delivery in deliveries],
        [delivery.doubts for delivery in deliveries],
    )
    written = {row["delivery_id"] for row in rows}
    told = [
        change
        for change in changes
        if change.delivery.delivery_id in written
        and (change.delivery.state not in _PLAIN or change.actor_id)
    ]
    if told:
        await _tell(conn, told)
        await _scrub_erased(conn, written)
    return written


async def _tell(conn: Connection, changes: Sequence[Change]) -> None:
    steps: list[tuple[object, ...]] = []
    for change in changes:
        delivery = change.delivery
        reason = delivery.reason and delivery.reason.value
        if change.doubted:
            steps.append((delivery.delivery_id, State.UNCERTAIN.value, reason, None, None, None))
        steps.append(
            (
                delivery.delivery_id,
                delivery.state.value,
                reason,
                change.detail,
                change.actor_id,
                change.note,
            )
        )
    await conn.execute(
        """
        insert into delivery_steps (delivery_id, state, reason, detail, actor_id, note)
        select delivery_id, state, reason, detail, actor_id, note
        from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[])
          as step (delivery_id, state, reason, detail, actor_id, note)
        """,
        *map(list, zip(*steps, strict=True)),
    )


async def _scrub_erased(conn: Connection, delivery_ids: Collection[UUID]) -> None:
    """A mail that was on the wire is answered after the erasure: its words go too.

    A statement of its own, so that it sees an erasure which `save` had to wait for.
    Of that person's other deliveries it touches none: their locks are others', and
    whoever writes about them does this too.
    """
    erased = await conn.fetch(
        """
        select delivery_id from deliveries join recipients on contact_id = recipient_id
        where delivery_id = any($1) and erased_at is not null
        """,
        list(delivery_ids),
    )
    if erased:
        await _scrub(conn, [row["delivery_id"] for row in erased])


async def scrub(conn: Connection, recipient_ids: Sequence[UUID]) -> None:
    """Remove free text about these persons: what servers answered, what staff noted."""
    # First of all wait for whoever is writing such text down at this moment.
    rows = await conn.fetch(
        """
        select delivery_id from deliveries
        where recipient_id = any($1) order by delivery_id for update
        """,
        recipient_ids,
    )
    await _scrub(conn, [row["delivery_id"] for row in rows])


async def _scrub(conn: Connection, delivery_ids: Sequence[UUID]) -> None:
    """The caller has locked these deliveries."""
    await conn.execute(
        "update deliveries set detail = null where delivery_id = any($1) and detail is not null",
        delivery_ids,
    )
    await conn.execute(
        """
        update delivery_steps set detail = null, note = null
        where delivery_id = any($1) and (detail is not null or note is not null)
        """,
        delivery_ids,
    )
