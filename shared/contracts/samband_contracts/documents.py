"""Documents made from the contracts: a JSON Schema per event, AsyncAPI for all.

They are committed (`schemas/`, `asyncapi.json`) so that a change of contract
shows in review, and compared with what this module makes by a test.
`python -m samband_contracts write` makes them anew.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from samband_contracts import topics
from samband_contracts.event import schema_uri

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from samband_contracts.event import Event
    from samband_contracts.topics import Topic

JSON = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(event: type[Event]) -> JSON:
    """The JSON Schema of an event's data, as its sender writes it.

    A tombstone has no data: its schema is `null`'s.
    """
    body: JSON = (
        {"type": "null", "title": event.__name__, "description": event.__doc__}
        if event.TOMBSTONE
        else TypeAdapter(event).json_schema(mode="serialization")
    )
    return {"$schema": DIALECT, "$id": schema_uri(event.TYPE), **body}


def asyncapi() -> JSON:
    """The AsyncAPI 3 document of every topic."""
    events = {event.TYPE: event for topic in topics.ALL for event in topic.events}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Samband",
            "version": "1",
            "description": "CloudEvents 1.0 on Kafka, binary mode, one topic per aggregate.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics.ALL},
        "operations": {
            f"{topic.owner}.{topic.name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{topic.name}"},
            }
            for topic in topics.ALL
        },
        "components": {
            "messages": {name: _message(event) for name, event in sorted(events.items())}
        },
    }


def _channel(topic: Topic) -> JSON:
    return {
        "address": topic.name,
        "description": f"Owned by {topic.owner}; key: {topic.key}; {topic.visibility}.",
        "messages": {
            event.TYPE: {"$ref": f"#/components/messages/{event.TYPE}"} for event in topic.events
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["compact" if topic.is_state else "delete"],
                    **({} if topic.is_state else {"retention.ms": -1}),
                },
            }
        },
    }


def _message(event: type[Event]) -> JSON:
    return {
        "name": event.TYPE,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "payload": {"schemaFormat": "application/schema+json", "schema": schema(event)},
    }


def generated() -> dict[str, str]:
    """Every generated document: path inside the package, text."""
    made = {
        f"schemas/{event.TYPE}.json": as_text(schema(event))
        for topic in topics.ALL
        for event in topic.events
    }
    return {**made, "asyncapi.json": as_text(asyncapi())}


def package_file(path: str) -> Traversable:
    """A file of the installed package, such as `samples/<type>.json`."""
    return files("samband_contracts").joinpath(path)


def as_text(document: JSON) -> str:
    """A document as it is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
