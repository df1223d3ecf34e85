"""Crew: the connections of one sender, and the mails that they are working on.

A connection is opened when there is work for it and closed after idling. As
long as the server cannot be reached every connection tries again at a pace
that soon becomes flat, for ever; no mail is touched meanwhile.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from samband_kit import tracing
from samband_kit.logs import get_logger
from samband_kit.tracing import Kind, Value

from samband_notifications.deliveries.domain.happenings import Accepted
from samband_notifications.sender.line import Line, NoConnection

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from samband_kit.correlation import Correlation

    from samband_notifications.deliveries.domain.machine import Delivery
    from samband_notifications.metrics import SendMetrics
    from samband_notifications.sender.line import Answer
    from samband_notifications.settings import NotificationsSettings

_IDLE_SECONDS = 30.0
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 15.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A mail to send under a lease."""

    delivery: Delivery
    token: UUID
    address: str
    message: bytes
    why: Correlation


@dataclass(frozen=True, slots=True)
class Result:
    """A mail and what became of it; no answer if it was given back untouched."""

    job: Job
    answer: Answer | None


class Crew:
    """`count` connections, started by `start`, ended by `end`.

    `finished` is told of every mail, `changed` when a connection is opened or lost.
    """

    def __init__(
        self,
        settings: NotificationsSettings,
        metrics: SendMetrics,
        finished: Callable[[Result], None],
        changed: Callable[[], None],
    ) -> None:
        self.count = settings.smtp_connections
        self.open = 0
        self.unreachable = False
        self.outstanding = 0
        self._settings = settings
        self._metrics = metrics
        self._finished = finished
        self._changed = changed
        self._jobs: asyncio.Queue[tuple[Job, float]] = asyncio.Queue()
        self._wanted = 0
        self._busy = 0
        self._wanted_more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work."""
        self._tasks = [
            asyncio.create_task(self._work(), name=f"smtp-{index}") for index in range(self.count)
        ]

    async def end(self) -> None:
        """Close the connections. What was still under way is lost to this process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def want(self, connections: int) -> None:
        """How many connections there is work for."""
        more = connections > self._wanted
        self._wanted = min(connections, self.count)
        if more:
            self._wanted_more.set()
            self._wanted_more = asyncio.Event()

    def put(self, job: Job, *, until: float) -> None:
        """Send this mail, whose beginning is written down; `until` is on the loop's clock."""
        self.outstanding += 1
        self._jobs.put_nowait((job, until))

    def give_back(self) -> None:
        """Finish mails that no connection has begun with, without an answer."""
        with suppress(asyncio.QueueEmpty):
            while True:
                self._done(Result(self._jobs.get_nowait()[0], None))

    async def _work(self) -> None:
        line = Line(self._settings)
        try:
            while True:
                while self._busy >= self._wanted:
                    await self._wanted_more.wait()
                self._busy += 1
                try:
                    await self._open(line)
                    await self._serve(line)
                finally:
                    self._busy -= 1
        finally:
            await line.close()

    async def _open(self, line: Line) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await line.open()
            except NoConnection as error:
                if not self.unreachable:
                    log.warning("mail server unreachable", error=str(error))
                self.unreachable = self.open == 0
                self._changed()
                await asyncio.sleep(pause * (0.75 + secrets.randbelow(500) / 1000))
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                if self.unreachable:
                    log.info("mail server reachable again")
                self.unreachable = False
                return

    async def _serve(self, line: Line) -> None:
        """Work until the connection is gone or idle."""
        self._count(+1)
        try:
            while line.is_open:
                taken = await self._next()
                if taken is None:
                    await line.close()
                    return
                if not line.is_open:
                    self._jobs.put_nowait(taken)
                    return
                job, until = taken
                with self._metrics.smtp_seconds.time():
                    result = await self._send(line, job, until)
                self._done(result)
        finally:
            self._count(-1)

    async def _send(self, line: Line, job: Job, until: float) -> Result:
        if not tracing.is_on():
            return Result(job, await line.send(job.address, job.message, until=until))
        attributes: dict[str, Value] = {
            "network.protocol.name": "smtp",
            "server.address": self._settings.smtp_host,
            "server.port": self._settings.smtp_port,
            "samband.delivery_id": str(job.delivery.delivery_id),
            "samband.correlation_id": str(job.why.correlation_id),
        }
        with tracing.span("send mail", Kind.CLIENT, why=job.why, attributes=attributes) as span:
            answer = await line.send(job.address, job.message, until=until)
            if not isinstance(answer.happening, Accepted):
                span.failed(type(answer.happening).__name__)
        # What is announced about the mail comes after its sending, in the trace too.
        why = replace(job.why, traceparent=span.traceparent)
        return Result(replace(job, why=why), answer)

    async def _next(self) -> tuple[Job, float] | None:
        if not self._jobs.empty():
            return self._jobs.get_nowait()
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                return await self._jobs.get()
        except TimeoutError:
            return None

    def _done(self, result: Result) -> None:
        self.outstanding -= 1
        self._finished(result)

    def _count(self, change: int) -> None:
        self.open += change
        self._metrics.connections.set(self.open)
        self._changed()
