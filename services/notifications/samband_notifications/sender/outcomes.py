"""Outcomes: writing down set-wise what became of deliveries, with the facts to announce."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samband_kit import outbox

from samband_notifications.deliveries.domain.happenings import LeaseEnded, Resolve
from samband_notifications.deliveries.domain.machine import Delivery, State, happen
from samband_notifications.deliveries.store import leases, rows
from samband_notifications.notifications import store as notifications

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from samband_contracts.deliveries import DeliverySettled
    from samband_kit.correlation import Correlation
    from samband_kit.database import Connection

    from samband_notifications.deliveries.domain.happenings import Happening


@dataclass(frozen=True, slots=True)
class Outcome:
    """A changed delivery, the facts to announce about it and what they belong to."""

    change: rows.Change
    facts: tuple[DeliverySettled, ...]
    why: Correlation


def outcome(
    delivery: Delivery,
    happening: Happening,
    why: Correlation,
    *,
    token: UUID | None = None,
    detail: str | None = None,
) -> Outcome:
    """What `happening` makes of a delivery; an uncertain one is resolved at once."""
    then, facts = happen(delivery, happening)
    doubted = then.state is State.UNCERTAIN
    if doubted:
        then, facts = happen(then, Resolve(secrets.randbelow(1000) / 1000))
    return Outcome(rows.Change(then, token=token, detail=detail, doubted=doubted), facts, why)


async def record(conn: Connection, outcomes: Sequence[Outcome]) -> None:
    """Write outcomes and their facts. One whose lease is another's by now leaves no trace."""
    written = await rows.save(conn, [one.change for one in outcomes])
    told = [
        (fact, one.why)
        for one in outcomes
        if one.change.delivery.delivery_id in written
        for fact in one.facts
    ]
    await outbox.append(conn, [fact for fact, _ in told], causes=[why for _, why in told])


async def recover(conn: Connection, *, limit: int) -> list[Outcome]:
    """Take over deliveries whose sender died; returns what became of them.

    Those whose DATA may have begun are uncertain, the rest go back into the queue.
    """
    orphans = await leases.ended(conn, limit=limit)
    contents = await notifications.contents(conn, [one.notification_id for one in orphans])
    recovered = [outcome(one, LeaseEnded(), contents[one.notification_id].why) for one in orphans]
    await record(conn, recovered)
    return recovered
