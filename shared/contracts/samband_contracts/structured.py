"""CloudEvents as one JSON document: for webhooks, event streams and files."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NoReturn

from samband_contracts.envelope import Unparsable, read
from samband_contracts.event import UnknownEvent
from samband_contracts.topics import ALL

if TYPE_CHECKING:
    from samband_contracts.event import CloudEvent, Event
    from samband_contracts.topics import Topic

CONTENT_TYPE = "application/cloudevents+json"


def to_json(event: CloudEvent[Event]) -> str:
    """The event in CloudEvents' JSON format; a tombstone has no `data`.

    An event of an unknown type is passed on as it came.
    """
    document = {
        **event.attributes(),
        "datacontenttype": "application/json",
        **_data_members(event.data),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str | bytes) -> CloudEvent[Event]:
    """The event in a JSON document; of an unknown type, an `UnknownEvent`.

    Raises:
        Unparsable: not JSON, no topic of its source, or `read` could not make
            an event of it.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise Unparsable("not JSON") from None
    if not isinstance(document, dict):
        raise Unparsable("not a JSON object")
    value = _value(document)
    attributes = {name: text for name, text in document.items() if isinstance(text, str)}
    if not all(map(_is_encodable, attributes.values())):
        raise Unparsable("an attribute is no text")
    if "subject" not in attributes:
        raise Unparsable("subject is missing")
    return read(_topic(attributes), attributes["subject"], attributes, value)


def _data_members(data: Event) -> dict[str, Any]:
    if not isinstance(data, UnknownEvent):
        return {} if data.TOMBSTONE else {"data": data.model_dump(mode="json")}
    if data.value is None:
        return {}
    try:
        found = json.loads(data.value, parse_constant=_refuse)
        # JSON can spell half of a surrogate pair; nothing that is sent on can.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return {"data_base64": base64.b64encode(data.value).decode()}
    return {"data": found}


def _refuse(constant: str) -> NoReturn:
    # Python alone takes NaN and Infinity for JSON.
    raise ValueError(constant)


def _value(document: dict[str, Any]) -> bytes | None:
    """The record's value; takes it out of the document."""
    if "data_base64" not in document:
        return json.dumps(document.pop("data")).encode() if "data" in document else None
    if "data" in document:
        raise Unparsable("the data stand there twice")
    try:
        return base64.b64decode(document.pop("data_base64"), validate=True)
    except (TypeError, ValueError):
        raise Unparsable("data_base64 is not base64") from None


def _is_encodable(text: str) -> bool:
    # JSON can spell half of a surrogate pair; nothing that is sent on can.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _topic(attributes: dict[str, str]) -> Topic:
    for topic in ALL:
        if topic.event(attributes.get("type", "")):
            return topic
    for topic in ALL:
        if topic.source == attributes.get("source"):
            return topic
    raise Unparsable("no topic of this type or source")
