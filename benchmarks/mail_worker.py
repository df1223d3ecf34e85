"""mail_worker, mail_workers_2: how fast mails go out, and what a second worker adds.

Value: mails a second of the real sender, one `send` process of the
notifications service as operators start it, from the first mail begun to the
last one recorded, by the clock of the database. The mails are text and HTML
with the recipient's name, a personal link and in the recipient's language;
each is claimed, written down before its DATA, recorded afterwards and
announced in the outbox. Postfix's smtp-sink takes them.

Limit: the same mails lie ready in memory and go to the same smtp-sink over as
many connections of aiosmtplib, from a process that does nothing else. Writing,
looking up and recording cost nothing. They go by `sendmail`, the library's own
way of sending ready bytes; the sender uses the library's connection and writes
the same dialogue onto its protocol itself.

`mail_workers_2` is two such workers on one backlog, and its limit one: so the
ratio says what the second one adds, with the database and the mail server on
the same cores.
"""

from __future__ import annotations

import pickle
import statistics
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, cast

from samband_kit import database
from samband_notifications.main import SERVICE
from samband_notifications.settings import NotificationsSettings

from benchmarks.actors import mail_backlog
from benchmarks.actors.smtp_sink import smtp_sink
from benchmarks.frame.acting import play
from benchmarks.frame.figures import Benchmark, Figure, at_least
from benchmarks.frame.stage import until
from benchmarks.frame.turns import take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from samband_kit.database import Pool

    from benchmarks.actors.smtp_sink import Sink
    from benchmarks.frame.figures import Result
    from benchmarks.frame.stage import Stage

FIGURE = Figure(
    name="mail_worker",
    unit="mails/s",
    target=at_least(0.65),
    means="One worker writes, sends and records {value}; the same bytes, ready, go out over as "
    "many connections at {limit}.",
)
TWO = Figure(
    name="mail_workers_2",
    unit="mails/s",
    target=at_least(1.5),
    means="Two workers on one backlog send {value}, one sends {limit}.",
)

_DISTINCT = 1000
"""Mails that the limit holds in memory; it sends them over and over."""


async def measure(stage: Stage) -> Sequence[Result]:
    """Ready bytes, one worker and two workers in turns."""
    mails = stage.pick(full=20_000, quick=6_000, tiny=50)
    rounds = stage.pick(full=5, quick=2, tiny=1)
    with smtp_sink() as sink:
        ready, connections = await _ready(stage, sink, min(mails, _DISTINCT))
        rates = await take_turns(
            stage,
            rounds,
            {
                "ready bytes": lambda: play("ready_mails", sink.port, connections, mails, ready),
                "one worker": lambda: _working(stage, sink, mails, workers=1),
                "two workers": lambda: _working(stage, sink, mails, workers=2),
            },
        )
        taken = sink.messages()
    if taken != 3 * rounds * mails:
        raise AssertionError(f"smtp-sink counted {taken} mails instead of {3 * rounds * mails}")
    limit, one, two = map(statistics.median, rates.values())
    note = f"{mails} mails of {mail_backlog.NOTIFICATIONS} notifications, {rounds} rounds"
    return [FIGURE.result(one, limit, note=note), TWO.result(two, one, note=note)]


BENCHMARK = Benchmark((FIGURE, TWO), measure)


async def _working(stage: Stage, sink: Sink, mails: int, *, workers: int) -> float:
    """Mails a second of so many workers that find a backlog."""
    async with AsyncExitStack() as stack:
        settings = await stack.enter_async_context(stage.place(SERVICE, **sink.settings()))
        pool = await database.open_pool(settings)
        stack.push_async_callback(pool.close)
        programs = [
            await stack.enter_async_context(stage.running(SERVICE, settings, "send"))
            for _ in range(workers)
        ]
        await mail_backlog.fill(settings, pool, mails)
        await until(lambda: _sent(pool), *programs, every=0.05)
        return mails / (await mail_backlog.duration(pool)).total_seconds()


async def _sent(pool: Pool) -> bool:
    return await mail_backlog.unsent(pool) == 0


async def _ready(stage: Stage, sink: Sink, mails: int) -> tuple[Path, int]:
    """A file with finished mails, and the connections that a worker has."""
    async with stage.place(SERVICE, **sink.settings()) as own:
        settings = cast("NotificationsSettings", own)
        pool = await database.open_pool(settings)
        try:
            await mail_backlog.fill(settings, pool, mails)
            written = await mail_backlog.written(settings, pool, mails)
        finally:
            await pool.close()
    ready = stage.folder / "ready-mails"
    ready.write_bytes(pickle.dumps([(one.address, one.message) for one in written]))
    return ready, settings.smtp_connections
