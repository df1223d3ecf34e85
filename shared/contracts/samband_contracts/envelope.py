"""Reading events: from attributes and data, whatever carried them.

Shared by the ways an event travels (`kafka`, `structured`). Reading never
raises anything but `Unparsable`, and its message never repeats the input,
which may be personal data.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from samband_contracts.event import CloudEvent, Event, UnknownEvent, schema_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from samband_contracts.topics import Topic

_MAX_SEQUENCE = 2**63 - 1
_REQUIRED = ("id", "source", "type", "time", "sequence")
_BOUNDED = ("source", "type", "time", "dataschema")
# Digits only: int() would also take "1_0", " 1" and other scripts' digits.
_DIGITS = re.compile(r"[0-9]{1,19}\Z", re.ASCII)
# Lets fewer odd texts through than the class itself, in half the time.
_UUID = TypeAdapter(UUID)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z", re.ASCII)
LONGEST = 255
"""Characters of an attribute at most."""


class Unparsable(ValueError):
    """This is no event of the topic; the message says why."""


def read(
    topic: Topic, subject: str, attributes: Mapping[str, str], value: bytes | None
) -> CloudEvent[Event]:
    """The event of `topic` with these attributes, and data as JSON in `value`.

    Raises:
        Unparsable: an attribute is missing or broken, the source is not the
            topic's owner, or the data do not match the type or the subject.
    """
    if attributes.get("specversion", "1.0") != "1.0":
        raise Unparsable("specversion is not 1.0")
    for name in _REQUIRED:
        if not attributes.get(name):
            raise Unparsable(f"{name} is missing")
    for name in _BOUNDED:
        if len(attributes.get(name, "")) > LONGEST:
            raise Unparsable(f"{name} is too long")
    source, event_type = attributes["source"], attributes["type"]
    if len(subject) > LONGEST:
        raise Unparsable("subject is too long")
    if attributes.get("subject", subject) != subject:
        raise Unparsable("subject is not the key")
    if source != topic.source:
        raise Unparsable(f"source is not {topic.source}")
    data = _data(topic, event_type, subject, value)
    if data.key != subject:
        raise Unparsable("the key is not the event's")
    return CloudEvent(
        id=_uuid("id", attributes["id"]),
        source=source,
        type=event_type,
        subject=subject,
        time=_time(attributes["time"]),
        sequence=_sequence(attributes["sequence"]),
        data=data,
        dataschema=attributes.get("dataschema") or schema_uri(event_type),
        correlation_id=_optional_uuid("correlationid", attributes),
        causation_id=_optional_uuid("causationid", attributes),
        traceparent=_traceparent(attributes),
    )


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
        return _UUID.validate_python(text)
    except ValidationError:
        raise Unparsable(f"{name} is not a UUID") from None


def _optional_uuid(name: str, attributes: Mapping[str, str]) -> UUID | None:
    text = attributes.get(name)
    return None if text is None else _uuid(name, text)


def _traceparent(attributes: Mapping[str, str]) -> str | None:
    # A trace is for looking back: a broken one costs the trace, not the event.
    text = attributes.get("traceparent")
    return text if text and _TRACEPARENT.match(text) else None


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Unparsable("time is not a time") from None
    if time.tzinfo is UTC:
        return time
    if time.utcoffset() is None:
        raise Unparsable("time has no offset")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise Unparsable("time is out of range") from None


def _sequence(text: str) -> int:
    number = int(text) if _DIGITS.match(text) else 0
    if not 1 <= number <= _MAX_SEQUENCE:
        raise Unparsable("sequence is not a positive number")
    return number
