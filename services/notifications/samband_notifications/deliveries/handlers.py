"""Deliveries: what staff decide about the ones that nobody else can decide about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_kit import audit, outbox
from samband_kit.database import transaction
from samband_kit.idempotency import once, remember

from samband_notifications.deliveries.domain.happenings import GiveUp, QueueAgain
from samband_notifications.deliveries.domain.machine import (
    DecidedAlready,
    DeliveryUnknown,
    happen,
    possible,
)
from samband_notifications.deliveries.store import rows

if TYPE_CHECKING:
    from uuid import UUID

    from samband_kit.database import Pool

    from samband_notifications.deliveries.domain.happenings import Happening


async def queue_again(
    pool: Pool, delivery_id: UUID, *, by: UUID, key: str, note: str | None = None
) -> None:
    """Send a delivery that failed, is held or is uncertain, with the same Message-ID.

    Raises:
        DeliveryUnknown, DecidedAlready.
    """
    await _decide(pool, delivery_id, QueueAgain(), "queue-again", by=by, key=key, note=note)


async def give_up(pool: Pool, delivery_id: UUID, *, by: UUID, key: str, note: str) -> None:
    """Let a held or uncertain delivery fail, for the reason in `note`.

    Raises:
        DeliveryUnknown, DecidedAlready.
    """
    await _decide(pool, delivery_id, GiveUp(), "give-up", by=by, key=key, note=note)


async def _decide(
    pool: Pool,
    delivery_id: UUID,
    decision: Happening,
    command: str,
    *,
    by: UUID,
    key: str,
    note: str | None,
) -> None:
    async with transaction(pool) as conn:
        fingerprint = {"command": command, "by": by, "delivery": delivery_id, "note": note}
        if await once(conn, key, fingerprint) is not None:
            return
        delivery = await rows.lock(conn, delivery_id)
        if delivery is None:
            raise DeliveryUnknown
        if type(decision) not in possible(delivery):
            raise DecidedAlready
        decided, facts = happen(delivery, decision)
        await rows.save(conn, [rows.Change(decided, actor_id=by, note=note)])
        # The reason stands in the delivery's history, where an erasure finds it.
        await audit.record(
            conn,
            operator=f"account {by}",
            command=f"delivery {command}",
            subject=str(delivery_id),
            reason="see the history of the delivery",
        )
        await outbox.append(conn, facts)
        await remember(conn, key, {})
