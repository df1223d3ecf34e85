"""Correlation: one id for everything that one person's action leads to.

The web edge opens a correlation per request, the consumer takes over that of
the fact it applies; the outbox writes it into every event and the logs into
every line, so one id finds the whole way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from samband_kit.ids import new_id


@dataclass(frozen=True, slots=True)
class Correlation:
    """Why something happens: the whole story's id, and the fact just before."""

    correlation_id: UUID
    causation_id: UUID | None = None
    traceparent: str | None = None


_current: ContextVar[Correlation | None] = ContextVar("samband_correlation", default=None)


def current() -> Correlation | None:
    """The correlation of the running task, None outside of any."""
    return _current.get()


def correlation_id() -> UUID:
    """The id of the running correlation; outside of any, a new one each time."""
    running = _current.get()
    return new_id() if running is None else running.correlation_id


@contextmanager
def correlated(
    correlation: UUID | None, causation: UUID | None = None, *, traceparent: str | None = None
) -> Iterator[Correlation]:
    """Everything inside belongs to `correlation`, or to a new one when it is None."""
    opened = Correlation(correlation or new_id(), causation, traceparent)
    token = _current.set(opened)
    try:
        yield opened
    finally:
        _current.reset(token)
