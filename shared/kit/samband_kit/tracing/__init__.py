"""Tracing: spans from the form to the mail, where an operator wants to see time pass.

Off unless `SAMBAND_OTLP_ENDPOINT` is set; then nothing of the SDK or of its
exporter is loaded, and a span costs a comparison. The context travels with the
running `correlation`, and in the event's `traceparent` through outbox, Kafka
and tables, also through services that do not trace themselves.

Spans carry ids and names of our own: no path, no address, no error message,
because these may hold what people wrote. Exporting happens in a thread of its
own: whatever becomes of it, the service goes on.
"""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from samband_kit import correlation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from samband_kit.settings import Settings
    from samband_kit.tracing.exporting import Exporting

Value: TypeAlias = str | int | bool

_exporting: Exporting | None = None


class Kind(Enum):
    """Which side of a conversation a span is."""

    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span:
    """Something that takes time. This one is not recorded; it only passes its parent on."""

    def __init__(self, traceparent: str | None = None) -> None:
        self.traceparent = traceparent

    def rename(self, name: str) -> None:
        """What it is called, when that is known."""

    def note(self, attributes: Mapping[str, Value]) -> None:
        """What is worth knowing about it: ids, counts, templates; never what people wrote."""

    def failed(self, kind: str) -> None:
        """It did not work; `kind` is a class or a code, never a message."""

    def end(self) -> None:
        """It is over."""


def start(service: str, settings: Settings) -> None:
    """Begin to export this process's spans, if the settings say where to."""
    global _exporting
    if settings.otlp_endpoint is None:
        return
    # Costs 9 MB and a quarter of a second: for those who asked for it.
    from samband_kit.tracing.exporting import Exporting

    _exporting = Exporting(service, endpoint=settings.otlp_endpoint, ratio=settings.trace_ratio)


def stop(*, seconds: float = 3.0) -> None:
    """Send what is left, for so long at most."""
    global _exporting
    exporting, _exporting = _exporting, None
    if exporting is not None:
        exporting.stop(seconds)


def is_on() -> bool:
    """Whether spans are recorded at all."""
    return _exporting is not None


def is_recorded(traceparent: str | None) -> bool:
    """Whether whoever began this trace decided to record it."""
    return traceparent is not None and traceparent.endswith(
        ("1", "3", "5", "7", "9", "b", "d", "f")
    )


def begin(
    name: str,
    kind: Kind,
    *,
    parent: str | None,
    links: Sequence[str] = (),
    attributes: Mapping[str, Value] | None = None,
) -> Span:
    """A span that somebody ends; without a parent it begins a trace.

    Below a parent that is not recorded nothing is.
    """
    if _exporting is None or (parent is not None and not is_recorded(parent)):
        return Span(parent)
    return _exporting.begin(name, kind, parent=parent, links=links, attributes=attributes or {})


@contextmanager
def span(
    name: str,
    kind: Kind,
    *,
    why: correlation.Correlation | None = None,
    attributes: Mapping[str, Value] | None = None,
) -> Iterator[Span]:
    """A span around what is inside, below that of `why` or of the running correlation.

    What is done inside belongs to the same correlation, and to this span.
    """
    running = why or correlation.current()
    if _exporting is None:
        yield Span(running.traceparent if running else None)
        return
    opened = begin(
        name, kind, parent=running.traceparent if running else None, attributes=attributes
    )
    try:
        with correlation.correlated(
            running.correlation_id if running else None,
            running.causation_id if running else None,
            traceparent=opened.traceparent,
        ):
            yield opened
    except BaseException as error:
        opened.failed(type(error).__name__)
        raise
    finally:
        opened.end()
