"""Recorder: writes down what became of deliveries, as many at once as there are.

What a mail server has taken must not be forgotten: an outcome stays here
until its transaction is through, however long the database is away.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from samband_kit.failpoints import Failpoint, reach
from samband_kit.logs import get_logger

from samband_notifications.sender.held import HeldConnection
from samband_notifications.sender.outcomes import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from samband_kit.database import Pool

    from samband_notifications.metrics import SendMetrics
    from samband_notifications.sender.outcomes import Outcome

_LONGEST = 10.0
_PAUSE_AFTER_FAILURE = 1.0

log = get_logger(__name__)


class Recorder:
    """Takes outcomes at any time and records them in the background."""

    def __init__(
        self,
        pool: Pool,
        metrics: SendMetrics,
        recorded: Callable[[], None],
        *,
        longest_pause: float,
    ) -> None:
        self._held = HeldConnection(pool, longest_pause=longest_pause)
        self._metrics = metrics
        self._recorded = recorded
        self._outcomes: list[Outcome] = []
        self._some = asyncio.Event()

    def __len__(self) -> int:
        """How many outcomes are not recorded yet."""
        return len(self._outcomes)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Record these soon."""
        self._outcomes.extend(outcomes)
        if self._outcomes:
            self._some.set()

    async def run(self) -> None:
        """Until cancelled; what is left then is lost to this process."""
        try:
            while True:
                await self._some.wait()
                try:
                    async with asyncio.timeout(_LONGEST):
                        await self._record()
                except Exception:
                    log.exception("recording failed")
                    await self._held.drop()
                    await asyncio.sleep(_PAUSE_AFTER_FAILURE)
        finally:
            await self._held.release()

    async def _record(self) -> None:
        outcomes = list(self._outcomes)
        conn = await self._held.get()
        await reach(Failpoint.SENDER_RECORDING)
        # The relay is not woken for it: nobody waits for these facts, and it looks by itself.
        async with conn.transaction():
            await record(conn, outcomes)
        await reach(Failpoint.SENDER_RECORDED)
        del self._outcomes[: len(outcomes)]
        if not self._outcomes:
            self._some.clear()
        for one in outcomes:
            delivery = one.change.delivery
            self._metrics.attempts.labels(delivery.template, delivery.state.value).inc()
            self._metrics.uncertain.inc(one.change.doubted)
        self._recorded()
