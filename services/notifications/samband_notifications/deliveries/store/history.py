"""History: SQL of what became of the deliveries that one correlation led to. Names no address."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from samband_kit.history import Happening
from samband_kit.history.reading import MOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_kit.database import Connection

SERVICE = "notifications"


async def meanings(conn: Connection, asked: str) -> list[UUID]:
    """The correlation of a delivery, of a notification, or of the fact that led to one."""
    try:
        wanted = UUID(asked)
    except ValueError:
        return []
    rows = await conn.fetch(
        """
        select distinct correlation_id from notifications
        where correlation_id is not null and (
            correlation_id = $1 or notification_id = $1
            or notification_id = (select notification_id from deliveries where delivery_id = $1))
        """,
        wanted,
    )
    return [row["correlation_id"] for row in rows]


async def happenings(conn: Connection, correlations: Sequence[UUID]) -> list[Happening]:
    """Every delivery as it was queued, its steps, and how it ended, oldest first."""
    rows = await conn.fetch(
        """
        with wanted as (
            select delivery_id, recipient_id, template, state, reason, attempts,
                   deliveries.created_at, settled_at
            from notifications join deliveries using (notification_id, template)
            where correlation_id = any($1::uuid[])
            order by delivery_id limit $2)
        select delivery_id, recipient_id, template, created_at as at, 'queued' as state,
               null as reason, null::int as attempts
        from wanted
        union all
        select delivery_id, recipient_id, template, step.at, step.state, step.reason, null
        from wanted join delivery_steps step using (delivery_id)
        union all
        select delivery_id, recipient_id, template, settled_at, state, reason, attempts
        from wanted where settled_at is not null
        order by at
        limit $2
        """,
        list(correlations),
        MOST,
    )
    return [
        Happening(
            at=row["at"],
            service=SERVICE,
            what=f"mail {row['template']} {row['state']}"
            + _details(row["reason"], row["attempts"]),
            about={
                "delivery": str(row["delivery_id"]),
                "recipient": str(row["recipient_id"]),
            },
        )
        for row in rows
    ]


def _details(reason: str | None, attempts: int | None) -> str:
    said = [reason] if reason else []
    if attempts:
        said.append(
            f"after {attempts} failed attempts" if attempts > 1 else "after a failed attempt"
        )
    return f" ({', '.join(said)})" if said else ""
