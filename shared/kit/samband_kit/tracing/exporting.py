"""Exporting: the one place that touches OpenTelemetry.

Its provider is our own and never the process's: no library finds it, so no
library adds spans with whatever it believes to be harmless.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_NAMESPACE, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from samband_kit.tracing import Kind, Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry import trace

    from samband_kit.tracing import Value

MOST_LINKS = 128
_EXPORT_SECONDS = 5.0
_QUEUE = 2048
"""Spans that wait for the exporter at most, some 10 MB; what is more is dropped."""

_KINDS = {
    Kind.SERVER: SpanKind.SERVER,
    Kind.CLIENT: SpanKind.CLIENT,
    Kind.PRODUCER: SpanKind.PRODUCER,
    Kind.CONSUMER: SpanKind.CONSUMER,
}


class Exporting:
    """Spans of one process on their way to a collector, until `stop`."""

    def __init__(self, service: str, *, endpoint: str, ratio: float) -> None:
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource.create({SERVICE_NAMESPACE: "samband", SERVICE_NAME: service}),
            span_limits=SpanLimits(max_links=MOST_LINKS),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUE))
        self._tracer = self._provider.get_tracer("samband")

    def begin(
        self,
        name: str,
        kind: Kind,
        *,
        parent: str | None,
        links: Sequence[str],
        attributes: Mapping[str, Value],
    ) -> Span:
        """Begin a span; `parent` and `links` are well-formed traceparents."""
        return _Recorded(
            self._tracer.start_span(
                name,
                # An empty context, not the running one: ours is the correlation's.
                context=_below(parent),
                kind=_KINDS[kind],
                links=[Link(_context(each)) for each in links[:MOST_LINKS]],
                attributes=attributes,
                record_exception=False,
                set_status_on_exception=False,
            )
        )

    def stop(self, seconds: float) -> None:
        """Export what is left; a collector that hangs is left alone after `seconds`."""
        # The SDK's own shutdown waits for half a minute; a daemon ends with the process.
        ending = threading.Thread(target=self._provider.shutdown, name="tracing", daemon=True)
        ending.start()
        ending.join(seconds)


class _Recorded(Span):
    """A span that is exported when it ends, if it is sampled."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        context = span.get_span_context()
        super().__init__(
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        )

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, attributes: Mapping[str, Value]) -> None:
        self._span.set_attributes(attributes)

    def failed(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)

    def end(self) -> None:
        self._span.end()


def _below(parent: str | None) -> Context:
    empty = Context()
    if parent is None:
        return empty
    return set_span_in_context(NonRecordingSpan(_context(parent)), empty)


def _context(traceparent: str) -> SpanContext:
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )
