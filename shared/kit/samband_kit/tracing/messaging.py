"""Messaging: spans of events on their way, named as OpenTelemetry's conventions have it.

An event is created in the outbox, and that span's context travels with it. The
relay sends many events at once: one span, linked to all of them. Who applies an
event gets a span below the event's own, also where many are applied at once,
so that one trace leads from the form to the mail.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from samband_contracts.topics import topic_of

from samband_kit import tracing
from samband_kit.tracing import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from samband_contracts.event import CloudEvent

    from samband_kit.correlation import Correlation
    from samband_kit.relay.store import Row
    from samband_kit.tracing import Span

_KAFKA: dict[str, tracing.Value] = {"messaging.system": "kafka"}
# In the JSON text of an outbox row's headers, which is not parsed for this.
_TRACEPARENT = re.compile(
    r'"ce_traceparent": ?"([0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"'
)


@contextmanager
def creating(facts: Sequence[tuple[str, Correlation]]) -> Iterator[Sequence[str | None]]:
    """Around the writing of facts, each with its topic and why: the traceparent of each."""
    if not tracing.is_on():
        yield [why.traceparent for _, why in facts]
        return
    spans: dict[tuple[object, ...], Span] = {}
    traceparents = []
    for topic, why in facts:
        place = (topic, why.correlation_id, why.traceparent)
        if place not in spans:
            spans[place] = tracing.begin(
                f"create {topic}",
                Kind.PRODUCER,
                parent=why.traceparent,
                attributes=_attributes("create", topic)
                | {"samband.correlation_id": str(why.correlation_id)},
            )
        traceparents.append(spans[place].traceparent)
    with _ending(list(spans.values())):
        yield traceparents


@contextmanager
def sending(rows: Sequence[Row]) -> Iterator[Span]:
    """Around the sending of a batch: in the trace of its first recorded event, linked to all."""
    recorded = _recorded(rows) if tracing.is_on() else []
    if not recorded:
        yield tracing.Span()
        return
    topics = {row[1] for row in rows}
    attributes = _attributes("send", topics.pop() if len(topics) == 1 else None)
    span = tracing.begin(
        f"send {attributes.get('messaging.destination.name', 'batch')}",
        Kind.CLIENT,
        parent=recorded[0],
        links=recorded,
        attributes=attributes | {"messaging.batch.message_count": len(rows)},
    )
    with _ending([span]):
        yield span


@contextmanager
def processing(events: Sequence[CloudEvent[Any]]) -> Iterator[Sequence[CloudEvent[Any]]]:
    """Around the handling of a set of events: the same events, each below a span of its own."""
    if not tracing.is_on() or not any(tracing.is_recorded(one.traceparent) for one in events):
        yield events
        return
    topic = topic_of(type(events[0].data)).name
    spans = [
        tracing.begin(
            f"process {topic}",
            Kind.CONSUMER,
            parent=event.traceparent,
            attributes=_attributes("process", topic)
            | {
                "messaging.message.id": str(event.id),
                "messaging.kafka.message.key": event.subject,
                "messaging.batch.message_count": len(events),
                "cloudevents.event_type": event.type,
                "samband.sequence": event.sequence,
                "samband.correlation_id": str(event.correlation_id or event.id),
            },
        )
        if tracing.is_recorded(event.traceparent)
        else tracing.Span(event.traceparent)
        for event in events
    ]
    with _ending(spans):
        yield [
            replace(event, traceparent=span.traceparent)
            for event, span in zip(events, spans, strict=True)
        ]


def _recorded(rows: Sequence[Row]) -> list[str]:
    found = (_TRACEPARENT.search(row[3]) for row in rows)
    contexts = dict.fromkeys(match[1] for match in found if match is not None)
    return [context for context in contexts if tracing.is_recorded(context)]


def _attributes(operation: str, topic: str | None) -> dict[str, tracing.Value]:
    attributes = _KAFKA | {
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
    return attributes if topic is None else attributes | {"messaging.destination.name": topic}


@contextmanager
def _ending(spans: Sequence[Span]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        for span in spans:
            span.failed(type(error).__name__)
        raise
    finally:
        for span in spans:
            span.end()
