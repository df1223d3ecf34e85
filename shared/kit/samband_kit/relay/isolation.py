"""Isolation: after Kafka refused something, find out what, and let all else go on.

A refusal fails a whole batch and does not say which record it was. So the
rows are sent again one by one; a refused one blocks its key, and later rows of
that key wait behind it. A topic that Kafka takes nothing for (it is missing,
we may not write it, or one of its partitions does not answer) is left out for
a while, with growing pauses.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from samband_kit.kafka import Producer, is_refusal
from samband_kit.logs import get_logger
from samband_kit.relay import store
from samband_kit.relay.sending import Failure, Sending, guard, send

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from samband_kit.leadership import Leadership
    from samband_kit.relay.sending import Patience
    from samband_kit.relay.store import Row
    from samband_kit.settings import Settings

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0

_log = get_logger("samband.relay")


class LeftOut:
    """Topics that Kafka takes nothing for now."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._seconds: dict[str, float] = {}

    def add(self, topic: str, error: Exception) -> None:
        """Leave the topic out, each time twice as long."""
        seconds = self._seconds.get(topic, _FIRST_PAUSE)
        self._until[topic] = time.monotonic() + seconds
        self._seconds[topic] = min(seconds * 2, _LONGEST_PAUSE)
        _log.warning("topic left out for now", topic=topic, seconds=seconds, error=repr(error))

    def works(self, topic: str) -> None:
        """Kafka took something for the topic."""
        self._until.pop(topic, None)
        self._seconds.pop(topic, None)

    def now(self) -> list[str]:
        """What to leave out at this moment."""
        now = time.monotonic()
        return [topic for topic, until in self._until.items() if until > now]


async def send_singly(
    leadership: Leadership,
    settings: Settings,
    rows: Sequence[Row],
    patience: Patience,
    published: Callable[[Row], None],
) -> None:
    """Send the rows one by one, mark those that Kafka takes, block the keys of those it refuses.

    Raises what `send` reports when it is no refusal: the rest comes with the
    next batch.
    """
    refused: set[tuple[str, str]] = set()
    left = list(reversed(rows))
    while left and not patience.stop.is_set():
        async with Producer.running(settings.kafka) as producer:
            while left and not patience.stop.is_set():
                row = left.pop()
                if (row["topic"], row["key"]) in refused:
                    continue
                failure = await _send_one(
                    leadership, producer, settings.kafka_prefix, row, patience
                )
                if failure is not None:
                    refused.add((row["topic"], row["key"]))
                    await _block(leadership, row, failure)
                    # A producer that was refused something fails everything after it.
                    break
                published(row)


async def _send_one(
    leadership: Leadership, producer: Producer, prefix: str, row: Row, patience: Patience
) -> Failure | None:
    sending = Sending()
    task = asyncio.create_task(send(producer, prefix, [row], sending))
    try:
        await guard(leadership, task, patience)
    finally:
        task.cancel()
        await asyncio.wait({task})
    for failure in sending.failures:
        if is_refusal(failure.error):
            return failure
        raise failure.error
    await store.mark(leadership.conn, sending.acknowledged)
    return None


async def _block(leadership: Leadership, row: Row, failure: Failure) -> None:
    await store.block(leadership.conn, row["position"], repr(failure.error))
    _log.error(
        "Kafka refused a record: its key is blocked until an operator decides",
        topic=row["topic"],
        key=row["key"],
        position=row["position"],
        error=repr(failure.error),
    )
