"""Loop: the one round that a sender goes, over and over.

Each round is one short transaction: it records what became of the mails that
were sent since the last one, and writes down which ones are begun next. Only
then do these go to the connections. No transaction is open while anybody
talks to the mail server, and at no moment are more than twice as many mails
begun and unrecorded as there are connections: these are what a crash leaves
uncertain.

Any number of senders may run; the rows of the queue are leased.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg
from samband_kit.logs import get_logger

from samband_notifications.deliveries.domain.happenings import (
    NotSent,
    Reason,
    Refused,
    Release,
    Start,
)
from samband_notifications.deliveries.domain.machine import happen
from samband_notifications.deliveries.store import leases
from samband_notifications.mails.headers import UnsafeHeader, UnusableAddress
from samband_notifications.metrics import SendMetrics
from samband_notifications.sender.buffer import Buffer, Claimed
from samband_notifications.sender.crew import Crew, Job, Result
from samband_notifications.sender.desk import Desk, Written
from samband_notifications.sender.housekeeping import Housekeeping
from samband_notifications.sender.outcomes import Outcome, outcome, record

if TYPE_CHECKING:
    from uuid import UUID

    from asyncpg.pool import PoolConnectionProxy
    from prometheus_client import CollectorRegistry
    from samband_kit.database import Connection, Pool

    from samband_notifications.settings import NotificationsSettings

_SHORTEST_POLL = 0.02
_LONGEST_POLL = 0.25
_PAUSE_AFTER_FAILURE = 1.0
_LONGEST_ROUND = 10.0

log = get_logger(__name__)


class Sender:
    """Sends what is due until it is told to stop."""

    name = "send"

    def __init__(
        self, settings: NotificationsSettings, pool: Pool, registry: CollectorRegistry
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._metrics = SendMetrics.on(registry)
        self._wake = asyncio.Event()
        self._desk = Desk(settings)
        self._buffer = Buffer(pool, self._desk, settings)
        self.crew = Crew(settings, self._metrics, self._wake)
        self._unrecorded: list[Outcome] = []
        self._chunk: list[Job] = []
        self._conn: PoolConnectionProxy[asyncpg.Record] | None = None
        self._poll = _SHORTEST_POLL

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, then finish what is under way and give back the rest."""
        housekeeping = asyncio.create_task(
            Housekeeping(self._pool, self._metrics, self._settings).run(), name="housekeeping"
        )
        watch = asyncio.create_task(self._watch(stop), name="stop")
        self.crew.start()
        try:
            claims: asyncio.Task[None] | None = None
            while not stop.is_set():
                if claims is None or claims.done():
                    claims = asyncio.create_task(self._claim()) if self._may_claim() else None
                await self._round(stopping=False)
                await self._rest()
            if claims is not None:
                await claims
            await self._finish()
        finally:
            for task in (housekeeping, watch):
                task.cancel()
            await self.crew.end()
            if self._conn is not None:
                await self._pool.release(self._conn)

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _rest(self) -> None:
        """Wait for a result, a connection or the end of a claim."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_POLL):
                await self._wake.wait()
        self._wake.clear()

    def _may_claim(self) -> bool:
        return self._buffer.is_low and not self.crew.unreachable

    async def _claim(self) -> None:
        try:
            if await self._buffer.claim():
                self._poll = _SHORTEST_POLL
            else:
                await asyncio.sleep(self._poll)
                self._poll = min(self._poll * 2, _LONGEST_POLL)
        except Exception:
            log.exception("claiming failed")
            await asyncio.sleep(_PAUSE_AFTER_FAILURE)
        self._wake.set()

    async def _round(self, *, stopping: bool) -> None:
        """Record what is done, begin with what is next."""
        if self.crew.unreachable or stopping:
            self._give_back()
        self._collect()
        if self.crew.open and not stopping and not self._chunk:
            self._fill_chunk()
        self.crew.want(len(self._buffer) + len(self._chunk) + self.crew.outstanding)
        if not self._unrecorded and not self._chunk:
            return
        try:
            async with asyncio.timeout(_LONGEST_ROUND):
                await self._commit()
        except Exception:
            # Kept as they are and written again: a mail that was sent must not be forgotten.
            log.exception("recording failed")
            await self._drop_connection()
            await asyncio.sleep(_PAUSE_AFTER_FAILURE)

    async def _commit(self) -> None:
        outcomes, chunk = self._unrecorded, self._chunk
        started: set[UUID] = set()
        until = asyncio.get_running_loop().time() + self._settings.send_lease / 2
        # One connection for all rounds, and no waking of the relay, which looks by itself:
        # each round trip saved here is one per handful of mails.
        conn = await self._connection()
        async with conn.transaction():
            await record(conn, outcomes)
            if chunk:
                leased = [(job.delivery.delivery_id, job.token) for job in chunk]
                started |= await leases.start(conn, leased, lasting=self._settings.lease)
        self._unrecorded = self._unrecorded[len(outcomes) :]
        self._chunk = []
        for one in outcomes:
            delivery = one.change.delivery
            self._metrics.attempts.labels(delivery.template, delivery.state.value).inc()
        for job in chunk:
            if job.delivery.delivery_id in started:
                self.crew.put(job, until=until)

    async def _connection(self) -> Connection:
        if self._conn is None:
            self._conn = await self._pool.acquire()
            # A sender that is frozen within a round must not keep its rows from the others.
            await self._conn.execute(
                "select set_config('idle_in_transaction_session_timeout', $1, false)",
                f"{round(self._settings.send_lease * 500)}ms",
            )
        return self._conn

    async def _drop_connection(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.terminate()
            await self._pool.release(conn)

    def _fill_chunk(self) -> None:
        room = 2 * self.crew.count - self.crew.outstanding
        for claimed in self._buffer.take(min(room, self.crew.count)):
            written = self._written(claimed)
            if isinstance(written, Outcome):
                self._unrecorded.append(written)
                continue
            started, _ = happen(claimed.due.delivery, Start())
            self._chunk.append(
                Job(
                    started,
                    claimed.token,
                    written.address,
                    written.message,
                    claimed.content.why,
                )
            )

    def _written(self, claimed: Claimed) -> Written | Outcome:
        """The mail, or why there is none."""
        delivery, why, token = claimed.due.delivery, claimed.content.why, claimed.token
        try:
            return self._desk.write(claimed.due, claimed.content)
        except UnusableAddress as error:
            refused = Refused(Reason.UNUSABLE_ADDRESS)
            return outcome(delivery, refused, why, token=token, detail=str(error))
        except UnsafeHeader as error:
            refused = Refused(Reason.UNSAFE_CONTENT)
            return outcome(delivery, refused, why, token=token, detail=str(error))
        except Exception:
            # Our mistake: it goes out when it is mended, and stops no other mail meanwhile.
            log.exception("mail cannot be written", delivery_id=str(delivery.delivery_id))
            happening = NotSent(0.5, Reason.CANNOT_BE_WRITTEN)
            return outcome(delivery, happening, why, token=token)

    def _collect(self) -> None:
        self._unrecorded.extend(_outcome_of(result) for result in self.crew.take_results())

    def _give_back(self) -> None:
        """What no connection has begun with goes back into the queue."""
        self.crew.give_back()
        self._unrecorded.extend(
            outcome(job.delivery, Release(), job.why, token=job.token) for job in self._chunk
        )
        self._chunk = []
        for claimed in self._buffer.take(len(self._buffer)):
            self._unrecorded.append(
                outcome(claimed.due.delivery, Release(), claimed.content.why, token=claimed.token)
            )

    async def _finish(self) -> None:
        """Let the connections end what they have begun, record it, give back everything else."""
        while True:
            await self._round(stopping=True)
            if not (self.crew.outstanding or self._unrecorded or self._chunk):
                return
            if self.crew.outstanding and not self._unrecorded:
                await self._rest()


def _outcome_of(result: Result) -> Outcome:
    job, answer = result.job, result.answer
    if answer is None:
        return outcome(job.delivery, Release(), job.why, token=job.token)
    return outcome(job.delivery, answer.happening, job.why, token=job.token, detail=answer.detail)
