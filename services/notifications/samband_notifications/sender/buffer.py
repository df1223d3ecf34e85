"""Buffer: deliveries that are claimed and wait for their turn.

How many are claimed at once follows how fast they go: a claim should last a
second or so. A fast mail server is fed in large bites, and behind a slow one
other senders find something to do. What waits here has not been begun, so its
lease is short, and renewed: should this process die, others have it soon.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from samband_kit.database import transaction
from samband_kit.failpoints import Failpoint, reach

from samband_notifications.deliveries.domain.machine import State, happen
from samband_notifications.deliveries.store import leases, rows
from samband_notifications.sender.outcomes import Outcome, record

if TYPE_CHECKING:
    from uuid import UUID

    from samband_kit.database import Pool

    from samband_notifications.deliveries.store.leases import Due
    from samband_notifications.notifications.store import Content
    from samband_notifications.sender.desk import Desk
    from samband_notifications.settings import NotificationsSettings

_LARGEST_CLAIM = 1000
_WAITING_LEASE = timedelta(seconds=20)
_QUICK = 1.0
_SLOW = 5.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery under our lease, and what its mail says."""

    due: Due
    token: UUID
    content: Content


class Buffer:
    """The claimed deliveries of one sender, oldest first."""

    def __init__(self, pool: Pool, desk: Desk, settings: NotificationsSettings) -> None:
        self._pool = pool
        self._desk = desk
        self._lease = min(settings.lease, _WAITING_LEASE)
        self._smallest_claim = 2 * settings.smtp_connections
        self._appetite = self._smallest_claim
        self._claimed_at = 0.0
        self._renewed_at = 0.0
        self._waiting: deque[Claimed] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_low(self) -> bool:
        """Whether it is time to claim more."""
        return len(self._waiting) < self._smallest_claim

    @property
    def is_stale(self) -> bool:
        """Whether it is time to renew the leases of what waits."""
        age = asyncio.get_running_loop().time() - self._renewed_at
        return bool(self._waiting) and age > self._lease.total_seconds() / 3

    def take(self, most: int) -> list[Claimed]:
        """The next ones to send."""
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    async def claim(self) -> int:
        """Lease what is due, skip what has no point any more; returns how many were looked at."""
        token = uuid4()
        self._adapt()
        async with transaction(self._pool) as conn:
            found = await leases.due(conn, limit=self._appetite)
            if not found:
                return 0
            contents = await self._desk.contents(
                conn, {due.delivery.notification_id for due in found}
            )
            decided = [(due, *happen(due.delivery, due.claim)) for due in found]
            skipped = [
                Outcome(rows.Change(then), facts, contents[then.notification_id].why)
                for _, then, facts in decided
                if then.state is not State.SENDING
            ]
            await record(conn, skipped)
            taken = [
                Claimed(leases.claimed(due, then), token, contents[then.notification_id])
                for due, then, _ in decided
                if then.state is State.SENDING
            ]
            await leases.lease(
                conn, [one.due.delivery.delivery_id for one in taken], token, lasting=self._lease
            )
        await reach(Failpoint.SENDER_CLAIMED)
        if not self._waiting:
            self._renewed_at = self._claimed_at
        self._waiting.extend(taken)
        return len(found)

    async def renew(self) -> None:
        """Keep what waits."""
        now = asyncio.get_running_loop().time()
        leased = [(one.due.delivery.delivery_id, one.token) for one in self._waiting]
        async with self._pool.acquire() as conn:
            await leases.renew(conn, leased, lasting=self._lease)
        self._renewed_at = now

    def _adapt(self) -> None:
        now = asyncio.get_running_loop().time()
        lasted, self._claimed_at = now - self._claimed_at, now
        if lasted < _QUICK:
            self._appetite = min(self._appetite * 2, _LARGEST_CLAIM)
        elif lasted > _SLOW:
            self._appetite = max(self._appetite // 2, self._smallest_claim)
