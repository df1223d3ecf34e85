"""Retries: parked records are applied as soon as they can be, in the order of their key.

A key is tried as a whole: from its first parked record on, until one fails
again. The same lock on the key's position as in a batch keeps the two apart.
Any number of processes may retry at once.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from samband_kit import database
from samband_kit.consumer import failures, parked, positions
from samband_kit.consumer.batch import apply_singly
from samband_kit.consumer.plan import Parking, decide, erased, handler_of
from samband_kit.failpoints import Failpoint, reach
from samband_kit.logs import get_logger
from samband_kit.pauses import pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_kit.database import Connection, Pool
    from samband_kit.metrics import ConsumeMetrics
    from samband_kit.reactions import Reaction

log = get_logger(__name__)

_AT_ONCE = 500
_KEYS = 100
_INTERVAL = 1.0
_LONGEST_PAUSE = 15.0
_COUNT_INTERVAL = 15.0


@dataclass(slots=True)
class Healed:
    """What an attempt at a key's parked records came to."""

    applied: int = 0
    replaced: int = 0
    """Settled without an effect: ignored, duplicates by now, or replaced by newer state."""
    kept: list[Parking] = field(default_factory=list)
    more: bool = False
    """All went through, and there may be more: try again in a new transaction."""


async def heal(conn: Connection, reaction: Reaction, key: str) -> Healed:
    """Apply what is parked of a key, some hundred records at most, in the caller's transaction.

    Raises:
        Exception: the infrastructure failed; roll back.
    """
    standing = await positions.lock(conn, reaction.topic.name, [key])
    # These rows are what is parked up to there: only an event before them can be missing.
    standing[key].parked_up_to = None
    rows = await parked.of_key(conn, reaction.topic, key, limit=_AT_ONCE)
    row_of = {id(row.arrived): row for row in rows}
    plan = decide(reaction, [row.arrived for row in rows], standing)
    # A record that always runs into a time limit fails like any other here:
    # the next attempt comes later, and other keys are not held up.
    await apply_singly(conn, reaction, plan, stubborn=True)
    await positions.advance(conn, reaction.topic.name, plan.reached)
    done = [one for records in plan.accepted.values() for one in records]
    gone = [*plan.duplicates, *plan.ignored]
    await parked.remove(conn, [row_of[id(one)] for one in (*done, *gone)])
    await parked.keep(conn, [(row_of[id(one.arrived)], one) for one in plan.parked])
    erasures = await parked.erase(conn, reaction.topic, erased(reaction, plan))
    applied = sum(handler_of(reaction, one) is not None for one in done)
    return Healed(
        applied=applied,
        replaced=len(gone) + len(done) - applied + erasures,
        kept=plan.parked,
        more=len(rows) == _AT_ONCE and not plan.parked,
    )


class Retries:
    """The component that heals keys whose time has come, and counts what is parked."""

    name = "retries"

    def __init__(self, pool: Pool, reactions: Sequence[Reaction], metrics: ConsumeMetrics) -> None:
        self._pool = pool
        self._reactions = {reaction.topic.name: reaction for reaction in reactions}
        self._metrics = metrics
        self._woken = asyncio.Event()
        self._count_at = 0.0
        self._counted: set[tuple[str, str]] = set()

    def wake(self) -> None:
        """Look at once: a key's missing event has come."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Heal until `stop`; survives an unreachable Postgres."""
        failed = 0
        while not stop.is_set():
            self._woken.clear()
            try:
                more = await self._pass(stop)
                failed = 0
            except Exception as error:  # noqa: BLE001 - the consumer outlives what it depends on
                failed += 1
                more = False
                log.warning("parked records could not be tried", error=failures.summary(error))
            if not more:
                seconds = failures.delay(failed + 1, first=_INTERVAL, longest=_LONGEST_PAUSE)
                await pause(seconds, self._woken, stop)

    async def _pass(self, stop: asyncio.Event) -> bool:
        async with self._pool.acquire() as conn:
            await self._count(conn)
            due = await parked.due(conn, self._reactions, limit=_KEYS)
        for topic, key in due:
            try:
                await self._heal(topic, key, stop)
            except Exception as error:  # noqa: BLE001 - one key's failure stops no other key
                log.warning(
                    "parked records could not be tried",
                    topic=topic,
                    key=key,
                    error=failures.summary(error),
                )
                # Raises if it is Postgres that fails: then all keys wait.
                async with database.transaction(self._pool) as conn:
                    await parked.postpone(conn, topic, key)
        return len(due) == _KEYS

    async def _heal(self, topic: str, key: str, stop: asyncio.Event) -> None:
        more = True
        while more and not stop.is_set():
            await reach(Failpoint.RETRIES_DUE)
            async with database.transaction(self._pool) as conn:
                healed = await heal(conn, self._reactions[topic], key)
                await reach(Failpoint.RETRIES_APPLIED)
            await reach(Failpoint.RETRIES_COMMITTED)
            more = healed.more
            self._report(topic, key, healed)

    async def _count(self, conn: Connection) -> None:
        if time.monotonic() < self._count_at:
            return
        self._count_at = time.monotonic() + _COUNT_INTERVAL
        counts = await parked.counts(conn)
        for topic, reason in self._counted | set(counts):
            self._metrics.parked.labels(topic, reason).set(counts.get((topic, reason), 0))
        self._counted |= set(counts)

    def _report(self, topic: str, key: str, healed: Healed) -> None:
        self._metrics.healed.labels(topic).inc(healed.applied + healed.replaced)
        log.info(
            "parked records tried again",
            topic=topic,
            key=key,
            applied=healed.applied,
            replaced=healed.replaced,
            still_parked=len(healed.kept),
            error=failures.kind(healed.kept[0].error) if healed.kept else None,
        )
