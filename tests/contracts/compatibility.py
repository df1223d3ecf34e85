"""Compatibility: what today's contracts break of an earlier promise, in sentences.

Both directions count. Who reads with an old version gets what is sent today;
and event topics are kept for ever, so who reads with today's version gets
what was sent then. New topics, events and fields with a default are fine.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsoncompat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = dict[str, Any]

_HOW = "Leave it as it was and add a new event type"
# What a topic has for good, and what would become of it otherwise.
_FIXED = {
    "owner": "another service would write it: make a new topic",
    "key": "the order of keys would end: make a new topic",
    "cleanup": "readers rely on what is kept: make a new topic",
    "partitions": "old and new events of a key would lie in two of them, in no order: "
    "make a new topic",
}


def broken(version: str, then: Json, now: Json) -> list[str]:
    """A sentence for everything that `version` promised and that does not hold any more."""
    return [
        *_topics(version, then["topics"], now["topics"]),
        *(
            sentence
            for name, schema in then["schemas"].items()
            if name in now["schemas"]
            for sentence in _event(version, name, schema, now["schemas"][name])
        ),
    ]


def _topics(version: str, then: Mapping[str, Json], now: Mapping[str, Json]) -> Iterator[str]:
    for name, promised in then.items():
        if name not in now:
            yield f"{name} is gone: {version} promised it for ever. Bring the topic back."
            continue
        present = now[name]
        for rule, consequence in _FIXED.items():
            if present[rule] != promised[rule]:
                yield (
                    f"{name} has {rule} {present[rule]} instead of {promised[rule]} "
                    f"as in {version}: {consequence} whose name ends in .v2."
                )
        for event in promised["events"]:
            if event not in present["events"]:
                yield (
                    f"{event} is gone from {name}: {version} wrote it there, and the log is kept. "
                    "Bring the class back; a sender may stop using it."
                )


def _event(version: str, name: str, then: Json, now: Json) -> Iterator[str]:
    if "properties" not in then or "properties" not in now:
        if not (_readable(then, now, "serializer") and _readable(then, now, "deserializer")):
            yield f"{name} is another kind of value than in {version}. {_HOW}."
        return
    for field in then["properties"]:
        if field not in now["properties"]:
            yield f"{name}: {field} is gone, and readers of {version} look for it. {_HOW}."
            continue
        before, after = _alone(then, field), _alone(now, field)
        if not _readable(before, after, "serializer"):
            yield (
                f"{name}: {field} may be what readers of {version} refuse. {_HOW}, "
                "or a new field with a default."
            )
        if not _readable(before, _without_new(before, after), "deserializer"):
            yield (
                f"{name}: {field} refuses what {version} has sent, and the log is kept. "
                "Widen it again, or give it a default."
            )
    for field in now.get("required", ()):
        if field not in then["properties"]:
            yield (
                f"{name}: {field} is new and required, so that events of {version} cannot be "
                "read any more. Give it a default."
            )


def _readable(then: Json, now: Json, role: Any) -> bool:
    # Twice: what stands for a format or a pattern says nothing about lengths.
    return all(
        jsoncompat.check_compat(json.dumps(form(then)), json.dumps(form(now)), role)
        for form in (_plain, _marked)
    )


def _alone(schema: Json, field: str) -> Json:
    """The schema of an object that has this one field."""
    return {
        "type": "object",
        "$defs": schema.get("$defs", {}),
        "properties": {field: schema["properties"][field]},
        "required": [field] if field in schema.get("required", ()) else [],
    }


def _without_new(then: Json, now: Json) -> Json:
    """`now` without fields, in objects inside, that `then` did not know: whoever reads has
    a default for them; and if not, they are still required here, and nothing fits.
    """
    inner = {
        name: {
            **body,
            "properties": {
                field: kind
                for field, kind in body["properties"].items()
                if field in then["$defs"][name]["properties"]
            },
        }
        for name, body in now["$defs"].items()
        if "properties" in body and "properties" in then["$defs"].get(name, {})
    }
    return {**now, "$defs": {**now["$defs"], **inner}}


_UNSEEN = ("$id", "format", "pattern")


def _plain(part: Any) -> Any:
    """A schema as jsoncompat takes it: it knows no `$id`, and looks at no format or pattern."""
    if isinstance(part, list):
        return [_plain(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {key: _plain(value) for key, value in _seen(part)}


def _marked(part: Any) -> Any:
    """`_plain`, with a set of its own for each text that has a format or a pattern: any text is
    wider than a UUID, a date is another thing, and who could say which pattern is the wider one?
    """
    if isinstance(part, list):
        return [_marked(one) for one in part]
    if not isinstance(part, dict):
        return part
    marks = [f"{rule} {part[rule]}" for rule in _UNSEEN[1:] if isinstance(part.get(rule), str)]
    if marks:
        return {"type": "string", "enum": [" and ".join(marks)]}
    return {key: _marked(value) for key, value in _seen(part)}


def _seen(part: Json) -> Iterator[tuple[str, Any]]:
    for key, value in part.items():
        # A field may have one of these names, too; its value is no text.
        if not (key in _UNSEEN and isinstance(value, str)):
            yield key, value
