"""Loop: how mails get from the queue to the connections.

A mail is begun in two steps. First it is written down, and committed, that
its DATA is about to begin; then a connection gets it. No transaction is open
while anybody talks to the mail server. At no moment are more than twice as
many mails begun and unrecorded as there are connections: these are what a
crash leaves uncertain.

Any number of senders may run; the rows of the queue are leased.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from samband_kit.failpoints import Failpoint, reach
from samband_kit.logs import get_logger

from samband_notifications.deliveries.domain.happenings import (
    Happening,
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
from samband_notifications.sender.held import HeldConnection
from samband_notifications.sender.housekeeping import Housekeeping
from samband_notifications.sender.outcomes import Outcome, outcome
from samband_notifications.sender.recorder import Recorder

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from samband_kit.database import Pool

    from samband_notifications.settings import NotificationsSettings

_SHORTEST_POLL = 0.02
_LONGEST_POLL = 0.25
_LONGEST_START = 10.0
_PAUSE_AFTER_FAILURE = 1.0

log = get_logger(__name__)


class Sender:
    """Sends what is due until it is told to stop."""

    name = "send"

    def __init__(
        self, settings: NotificationsSettings, pool: Pool, registry: CollectorRegistry
    ) -> None:
        metrics = SendMetrics.on(registry)
        half_a_lease = settings.send_lease / 2
        self._settings = settings
        self._wake = asyncio.Event()
        self._desk = Desk(settings)
        self._buffer = Buffer(pool, self._desk, settings)
        self._held = HeldConnection(pool, longest_pause=half_a_lease)
        self._recorder = Recorder(pool, metrics, self._wake.set, longest_pause=half_a_lease)
        self._housekeeping = Housekeeping(pool, metrics, settings)
        self.crew = Crew(settings, metrics, self._finished, self._wake.set)
        self._chunk: list[Job] = []
        self._poll = _SHORTEST_POLL

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, then finish what is under way and give back the rest."""
        beside = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("recorder", self._recorder.run()),
                ("housekeeping", self._housekeeping.run()),
                ("stop", self._watch(stop)),
            )
        ]
        self.crew.start()
        try:
            claims: asyncio.Task[None] | None = None
            while not stop.is_set():
                if claims is None or claims.done():
                    claims = asyncio.create_task(self._claim()) if self._may_claim() else None
                await self._begin()
                await self._rest()
            if claims is not None:
                await claims
            await self._finish()
        finally:
            await self.crew.end()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._held.release()

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _rest(self) -> None:
        """Wait for an answer, a connection or the end of a claim."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_POLL):
                await self._wake.wait()
        self._wake.clear()

    def _may_claim(self) -> bool:
        return (self._buffer.is_low or self._buffer.is_stale) and not self.crew.unreachable

    async def _claim(self) -> None:
        try:
            if self._buffer.is_stale:
                await self._buffer.renew()
            elif await self._buffer.claim():
                self._poll = _SHORTEST_POLL
            else:
                await asyncio.sleep(self._poll)
                self._poll = min(self._poll * 2, _LONGEST_POLL)
        except Exception:
            log.exception("claiming failed")
            await asyncio.sleep(_PAUSE_AFTER_FAILURE)
        self._wake.set()

    async def _begin(self) -> None:
        """Begin with as many mails as may be begun."""
        if self.crew.unreachable:
            self._give_back()
        if self.crew.open and not self._chunk:
            self._fill_chunk()
        self.crew.want(len(self._buffer) + len(self._chunk) + self.crew.outstanding)
        if not self._chunk:
            return
        try:
            async with asyncio.timeout(_LONGEST_START):
                await self._start_chunk()
        except Exception:
            log.exception("beginning failed")
            await self._held.drop()
            await asyncio.sleep(_PAUSE_AFTER_FAILURE)

    def _fill_chunk(self) -> None:
        room = 2 * self.crew.count - self.crew.outstanding - len(self._recorder)
        for claimed in self._buffer.take(min(room, self.crew.count)):
            written = self._written(claimed)
            if isinstance(written, Outcome):
                self._recorder.add([written])
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

    async def _start_chunk(self) -> None:
        # The right to begin DATA ends in the middle of the lease, counted from before it is given.
        until = asyncio.get_running_loop().time() + self._settings.send_lease / 2
        leased = [(job.delivery.delivery_id, job.token) for job in self._chunk]
        conn = await self._held.get()
        started = await leases.start(conn, leased, lasting=self._settings.lease)
        await reach(Failpoint.SENDER_STARTED)
        chunk, self._chunk = self._chunk, []
        for job in chunk:
            if job.delivery.delivery_id in started:
                self.crew.put(job, until=until)

    def _written(self, claimed: Claimed) -> Written | Outcome:
        """The mail, or why there is none."""
        happening: Happening
        try:
            return self._desk.write(claimed.due, claimed.content)
        except UnusableAddress as error:
            happening, detail = Refused(Reason.UNUSABLE_ADDRESS), str(error)
        except UnsafeHeader as error:
            happening, detail = Refused(Reason.UNSAFE_CONTENT), str(error)
        except Exception as error:
            # Our mistake: it goes out when it is mended, and stops no other mail meanwhile.
            log.exception(
                "mail cannot be written", delivery_id=str(claimed.due.delivery.delivery_id)
            )
            happening, detail = NotSent(0.5, Reason.CANNOT_BE_WRITTEN), type(error).__name__
        return outcome(
            claimed.due.delivery,
            happening,
            claimed.content.why,
            token=claimed.token,
            detail=detail,
        )

    def _finished(self, result: Result) -> None:
        job, answer = result.job, result.answer
        happening = Release() if answer is None else answer.happening
        detail = None if answer is None else answer.detail
        self._recorder.add(
            [outcome(job.delivery, happening, job.why, token=job.token, detail=detail)]
        )
        self._wake.set()

    def _give_back(self) -> None:
        """What no connection has begun with goes back into the queue."""
        self.crew.give_back()
        untouched = [(job.delivery, job.why, job.token) for job in self._chunk]
        untouched += [
            (claimed.due.delivery, claimed.content.why, claimed.token)
            for claimed in self._buffer.take(len(self._buffer))
        ]
        self._chunk = []
        self._recorder.add(
            outcome(delivery, Release(), why, token=token) for delivery, why, token in untouched
        )

    async def _finish(self) -> None:
        """Let the connections end what they have begun, and record it."""
        self._give_back()
        while self.crew.outstanding or len(self._recorder):
            await self._rest()
