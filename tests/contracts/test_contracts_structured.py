"""Events as one JSON document: what CloudEvents' own SDK writes and reads, and nothing lost."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent
from samband_contracts import kafka, structured, topics
from samband_contracts.documents import package_file
from samband_contracts.event import UnknownEvent

if TYPE_CHECKING:
    from samband_contracts.event import CloudEvent, Event

EVENTS = [event for topic in topics.ALL for event in topic.events]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
by_type = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.TYPE)
UNKNOWN = "se.icld.network.renamed.v1"


def sample(event: type[Event]) -> CloudEvent[Event]:
    text = package_file(f"samples/{event.TYPE}.json").read_text(encoding="utf-8")
    return replace(structured.from_json(text), traceparent=TRACE)


def unknown(value: bytes | None) -> CloudEvent[Event]:
    """An event of a later version, as it comes from Kafka."""
    known = sample(topics.NETWORKS.events[0])
    data = UnknownEvent(type=UNKNOWN, subject=known.subject, value=value)
    return replace(known, type=UNKNOWN, dataschema=f"urn:samband:schema:{UNKNOWN}", data=data)


@by_type
def test_the_official_sdk_reads_every_event_that_we_write(event: type[Event]) -> None:
    ours = sample(event)

    theirs = JSONFormat().read(None, structured.to_json(ours))

    attributes = {**ours.attributes(), "time": ours.time, "datacontenttype": "application/json"}
    assert theirs.get_attributes() == attributes
    assert theirs.get_data() == (None if event.TOMBSTONE else ours.data.model_dump(mode="json"))


@by_type
def test_we_read_every_event_that_the_official_sdk_writes(event: type[Event]) -> None:
    ours = sample(event)
    attributes = {**ours.attributes(), "time": ours.time, "datacontenttype": "application/json"}
    data = None if event.TOMBSTONE else ours.data.model_dump(mode="json")

    written = JSONFormat().write(SdkEvent(attributes=attributes, data=data))

    assert structured.from_json(written) == ours


@pytest.mark.parametrize("value", [b'{"name":"\xc3\xa5"}', b"[1, 2]", b"null", b"\xff\x00", None])
def test_an_event_of_a_later_version_is_passed_on_as_it_came(value: bytes | None) -> None:
    event = unknown(value)

    passed_on = structured.from_json(structured.to_json(event))

    assert replace(passed_on, data=event.data) == event
    assert isinstance(passed_on.data, UnknownEvent)
    if value is None or value == b"\xff\x00":
        assert passed_on.data.value == value
    else:
        assert json.loads(passed_on.data.value or b"") == json.loads(value)
    assert kafka.to_value(event.data) == value


def test_the_official_sdk_reads_bytes_that_are_no_json() -> None:
    theirs = JSONFormat().read(None, structured.to_json(unknown(b"\xff\x00")))

    assert theirs.get_data() == b"\xff\x00"


@pytest.mark.parametrize("data", ["not base64!", 7, None, "é"])
def test_broken_base64_is_unparsable(data: object) -> None:
    document = json.loads(structured.to_json(unknown(b"\xff\x00")))
    document["data_base64"] = data

    with pytest.raises(kafka.Unparsable, match="base64"):
        structured.from_json(json.dumps(document))


def test_data_twice_is_unparsable() -> None:
    document = json.loads(structured.to_json(unknown(b"\xff\x00")))
    document["data"] = {}

    with pytest.raises(kafka.Unparsable, match="twice"):
        structured.from_json(json.dumps(document))
