"""Housekeeping: leases that ended, and the gauges of the queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from samband_kit.database import transaction
from samband_kit.logs import get_logger

from samband_notifications.deliveries.store import leases
from samband_notifications.sender.outcomes import recover

if TYPE_CHECKING:
    from samband_kit.database import Pool

    from samband_notifications.metrics import SendMetrics
    from samband_notifications.settings import NotificationsSettings

_LONGEST_PAUSE = 5.0
_AT_ONCE = 500

log = get_logger(__name__)


class Housekeeping:
    """Runs beside a sender's loop; every sender does it, rows in use are passed over."""

    def __init__(self, pool: Pool, metrics: SendMetrics, settings: NotificationsSettings) -> None:
        self._pool = pool
        self._metrics = metrics
        self._pause = min(settings.send_lease / 4, _LONGEST_PAUSE)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._recover()
                await self._measure()
            except Exception:
                log.exception("housekeeping failed")
            await asyncio.sleep(self._pause)

    async def _recover(self) -> None:
        recovered = _AT_ONCE
        while recovered == _AT_ONCE:
            async with transaction(self._pool) as conn:
                outcomes = await recover(conn, limit=_AT_ONCE)
            recovered = len(outcomes)
            self._metrics.uncertain.inc(sum(one.change.doubted for one in outcomes))
            if recovered:
                log.warning("took over deliveries of a sender that died", deliveries=recovered)

    async def _measure(self) -> None:
        async with self._pool.acquire() as conn:
            backlog = await leases.backlog(conn)
        self._metrics.unfinished.clear()
        for (state, template), count in backlog.counts.items():
            self._metrics.unfinished.labels(state, template).set(count)
        self._metrics.oldest_seconds.set(backlog.oldest_seconds)
