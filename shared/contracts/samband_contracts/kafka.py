"""CloudEvents on Kafka, binary mode.

The value is the data as JSON, the attributes are `ce_*` headers. Reading is
total: `parse` answers with an event, with an `UnknownEvent`, or raises
`Unparsable` with a reason; no record, however broken, makes it raise anything
else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_contracts.envelope import Unparsable, read
from samband_contracts.event import UnknownEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from samband_contracts.event import CloudEvent, Event
    from samband_contracts.topics import Topic

__all__ = ["PULSE_KEY", "PULSE_TYPE", "Unparsable", "parse", "to_headers", "to_texts", "to_value"]

CONTENT_TYPE = "application/json"
PREFIX = "ce_"
PULSE_KEY = "pulse"
PULSE_TYPE = "se.icld.pulse.beaten.v1"
"""Key and type of records that are no events: the owner of a topic with personal
data appends them, without a sequence, so that Kafka compacts the topic in time."""
# Looked up once per header of every record that anybody reads.
_KNOWN = {
    PREFIX + name: name
    for name in (
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "sequence",
        "dataschema",
        "correlationid",
        "causationid",
        "traceparent",
    )
}


def to_value(event: Event) -> bytes | None:
    """The record's value: the data as JSON, or None for a tombstone; of an unknown event as it came."""
    if isinstance(event, UnknownEvent):
        return event.value
    return None if event.TOMBSTONE else event.model_dump_json().encode()


def to_headers(event: CloudEvent[Event]) -> list[tuple[str, bytes]]:
    """The record's headers: content type and the `ce_*` attributes."""
    return [(name, text.encode()) for name, text in to_texts(event).items()]


def to_texts(event: CloudEvent[Event]) -> dict[str, str]:
    """The record's headers as text, for whoever keeps them before they are sent."""
    attributes = event.attributes().items()
    return {"content-type": CONTENT_TYPE} | {PREFIX + name: text for name, text in attributes}


def parse(
    topic: Topic,
    key: bytes | None,
    headers: Iterable[tuple[str, bytes | None]],
    value: bytes | None,
) -> CloudEvent[Event]:
    """The event that a record of `topic` carries.

    Raises:
        Unparsable: key or header is null, doubled or not UTF-8, or `read`
            could not make an event of them.
    """
    if not key:
        raise Unparsable("the record has no key")
    return read(topic, _text("the key", key), _attributes(headers), value)


def _attributes(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, raw in headers:
        attribute = _KNOWN.get(name)
        if attribute is None:
            if not name.startswith(PREFIX):
                continue
            attribute = name.removeprefix(PREFIX)[:40]
        if attribute in found:
            raise Unparsable(f"{attribute} stands twice")
        try:
            # Not by way of `_text`: this line runs ten times for every record.
            found[attribute] = raw.decode()  # type: ignore[union-attr]  # null is found out below
        except (AttributeError, UnicodeDecodeError):
            found[attribute] = _text(attribute, raw)
    return found


def _text(name: str, raw: bytes | None) -> str:
    if raw is None:
        raise Unparsable(f"{name} is null")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Unparsable(f"{name} is not UTF-8") from None
