"""CloudEvents on Kafka, binary mode.

The value is the data as JSON, the attributes are `ce_*` headers. Reading is
total: `parse` answers with an event, with an `UnknownEvent`, or raises
`Unparsable` with a reason; no record, however broken, makes it raise anything
else.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import ValidationError

from samband_contracts.event import CloudEvent, Event, UnknownEvent, schema_uri

if TYPE_CHECKING:
    from collections.abc import Iterable

    from samband_contracts.topics import Topic

CONTENT_TYPE = "application/json"
_MAX_SEQUENCE = 2**63 - 1
_REQUIRED = ("id", "source", "type", "time", "sequence")
# Digits only: int() would also take "1_0", " 1" and other scripts' digits.
_DIGITS = re.compile(r"[0-9]{1,19}\Z", re.ASCII)


class Unparsable(ValueError):
    """The record is no event of this topic; the message says why."""


def to_value(event: Event) -> bytes | None:
    """The record's value: the data as JSON, or None for a tombstone."""
    return None if event.TOMBSTONE else event.model_dump_json().encode()


def to_headers(event: CloudEvent[Event]) -> list[tuple[str, bytes]]:
    """The record's headers: content type and the `ce_*` attributes."""
    return [
        ("content-type", CONTENT_TYPE.encode()),
        *((f"ce_{name}", value.encode()) for name, value in event.attributes().items()),
    ]


def parse(
    topic: Topic,
    key: bytes | None,
    headers: Iterable[tuple[str, bytes | None]],
    value: bytes | None,
) -> CloudEvent[Event]:
    """The event that a record of `topic` carries.

    Raises:
        Unparsable: an attribute is missing, doubled or broken, the source is
            not the topic's owner, or the data do not match the type.
    """
    attributes = _attributes(headers)
    subject = _key(key)
    if attributes.get("subject", subject) != subject:
        raise Unparsable("ce_subject is not the record's key")
    if attributes["source"] != topic.source:
        raise Unparsable(f"ce_source is not {topic.source}")
    data = _data(topic, attributes["type"], subject, value)
    if data.key != subject:
        raise Unparsable("the record's key is not the event's")
    return CloudEvent(
        id=_uuid("id", attributes["id"]),
        source=attributes["source"],
        type=attributes["type"],
        subject=subject,
        time=_time(attributes["time"]),
        sequence=_sequence(attributes["sequence"]),
        data=data,
        dataschema=attributes.get("dataschema") or schema_uri(attributes["type"]),
        correlation_id=_optional_uuid("correlationid", attributes),
        causation_id=_optional_uuid("causationid", attributes),
        traceparent=attributes.get("traceparent"),
    )


def _attributes(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, raw in headers:
        if not name.startswith("ce_"):
            continue
        if raw is None:
            raise Unparsable(f"{_shown(name)} is null")
        if name[3:] in found:
            raise Unparsable(f"{_shown(name)} stands twice")
        try:
            found[name[3:]] = raw.decode()
        except UnicodeDecodeError:
            raise Unparsable(f"{_shown(name)} is not UTF-8") from None
    if found.get("specversion", "1.0") != "1.0":
        raise Unparsable("ce_specversion is not 1.0")
    for name in _REQUIRED:
        if not found.get(name):
            raise Unparsable(f"ce_{name} is missing")
    return found


def _shown(name: str) -> str:
    return name[:40]


def _key(key: bytes | None) -> str:
    if not key:
        raise Unparsable("the record has no key")
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise Unparsable("the record's key is not UTF-8") from None


def _data(topic: Topic, event_type: str, subject: str, value: bytes | None) -> Event:
    known = topic.event(event_type)
    if known is None:
        return UnknownEvent(type=event_type, subject=subject, value=value)
    try:
        if known.TOMBSTONE:
            if value is not None:
                raise Unparsable("a tombstone has a value")
            return known.model_validate({known.KEY: subject})
        if value is None:
            raise Unparsable("the record has no value")
        return known.model_validate_json(value)
    except ValidationError as error:
        raise Unparsable(_first_complaint(error)) from None


def _first_complaint(error: ValidationError) -> str:
    # The input itself is left out: it may be personal data.
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}"[:200] if place else first["msg"][:200]


def _uuid(name: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Unparsable(f"ce_{name} is not a UUID") from None


def _optional_uuid(name: str, attributes: dict[str, str]) -> UUID | None:
    text = attributes.get(name)
    return None if text is None else _uuid(name, text)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Unparsable("ce_time is not a time") from None
    if time.utcoffset() is None:
        raise Unparsable("ce_time has no offset")
    try:
        return time + timedelta(0)
    except OverflowError:
        raise Unparsable("ce_time is out of range") from None


def _sequence(text: str) -> int:
    if not _DIGITS.match(text) or not 1 <= int(text) <= _MAX_SEQUENCE:
        raise Unparsable("ce_sequence is not a positive number")
    return int(text)
