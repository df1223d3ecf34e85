"""Twins: SQL that finds the same message to the same address, as another contact.

One person may be known as several contacts, one for each registration, and
wants each message once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
    from uuid import UUID

    from samband_kit.database import Connection

_SAME_ADDRESS = """
select mine.delivery_id, mine.notification_id, same.contact_id
from deliveries mine
join recipients me on me.contact_id = mine.recipient_id
join recipients same on lower(same.email) = lower(me.email) and same.contact_id <> me.contact_id
where mine.delivery_id = any($1)
"""

# Of two that are waiting, the older one goes first.
_TWINS = """
select mine.delivery_id,
       bool_or(twin.state in ('sent', 'delivered', 'held')) as told,
       bool_or(twin.state in ('sending', 'uncertain')
               or twin.state in ('queued', 'waiting') and twin.delivery_id < mine.delivery_id)
         as undecided
from unnest($1::uuid[], $2::uuid[], $3::uuid[])
  as mine (delivery_id, notification_id, other_id)
join deliveries twin
  on twin.notification_id = mine.notification_id and twin.recipient_id = mine.other_id
group by mine.delivery_id
"""


@dataclass(frozen=True, slots=True)
class Twins:
    """Deliveries whose address has, or may have, the message already; and those that must wait.

    The latter have a twin on its way, of which nobody knows yet how it ends.
    """

    told: frozenset[UUID]
    undecided: frozenset[UUID]


async def twins(conn: Connection, delivery_ids: Sequence[UUID]) -> Twins:
    """What is known about the twins of these deliveries."""
    pairs = await conn.fetch(_SAME_ADDRESS, delivery_ids)
    rows = await conn.fetch(_TWINS, *map(list, zip(*pairs, strict=True))) if pairs else []
    told = frozenset(row["delivery_id"] for row in rows if row["told"])
    undecided = frozenset(row["delivery_id"] for row in rows if row["undecided"])
    return Twins(told, undecided - told)


async def postpone(conn: Connection, delivery_ids: Sequence[UUID], *, by: timedelta) -> None:
    """Look at deliveries that are waiting again a little later."""
    if delivery_ids:
        await conn.execute(
            "update deliveries set due_at = clock_timestamp() + $2 where delivery_id = any($1)",
            delivery_ids,
            by,
        )
