"""The way onto Kafka and back: as CloudEvents' own SDK does it, and never raising."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from cloudevents.core.bindings import kafka as sdk
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent
from hypothesis import given
from hypothesis import strategies as st
from samband_contracts import kafka, structured, topics
from samband_contracts.documents import package_file
from samband_contracts.event import CloudEvent, Event, UnknownEvent
from samband_contracts.networks import NetworkAnnounced, NetworkOpened
from samband_contracts.values import Localised

if TYPE_CHECKING:
    from collections.abc import Callable

Headers = list[tuple[str, bytes | None]]


def announced() -> CloudEvent[Event]:
    data = NetworkAnnounced(
        network_id=uuid4(), name=Localised(sv="Mänskliga rättigheter", en="Human rights"), round=1
    )
    return CloudEvent(
        id=uuid4(),
        source="urn:samband:networks",
        type=data.TYPE,
        subject=data.key,
        time=datetime(2027, 2, 9, 9, 0, tzinfo=UTC),
        sequence=7,
        data=data,
        dataschema="urn:samband:schema:" + data.TYPE,
        correlation_id=uuid4(),
    )


def record(event: CloudEvent[Event]) -> tuple[bytes, Headers, bytes | None]:
    return event.subject.encode(), list(kafka.to_headers(event)), kafka.to_value(event.data)


def replaced(name: str, value: bytes | None) -> Callable[[Headers], Headers]:
    return lambda headers: [(n, value if n == name else v) for n, v in headers]


def without(name: str) -> Callable[[Headers], Headers]:
    return lambda headers: [(n, v) for n, v in headers if n != name]


def test_headers_and_value_are_those_of_the_official_sdk() -> None:
    event = announced()
    attributes = {**event.attributes(), "datacontenttype": "application/json"}
    theirs = sdk.to_binary(
        SdkEvent(
            attributes={**attributes, "time": event.time},
            data=event.data.model_dump(mode="json"),
        ),
        JSONFormat(),
    )

    assert dict(kafka.to_headers(event)) == theirs.headers
    assert json.loads(kafka.to_value(event.data) or b"") == json.loads(theirs.value)


def test_the_official_sdk_reads_what_we_write() -> None:
    event = announced()
    key, headers, value = record(event)

    theirs = sdk.from_binary(
        sdk.KafkaMessage(headers={n: v or b"" for n, v in headers}, key=key, value=value or b""),
        JSONFormat(),
    )

    assert theirs.get_id() == str(event.id)
    assert theirs.get_type() == event.type
    assert theirs.get_time() == event.time
    assert theirs.get_extension("sequence") == "7"
    assert theirs.get_data() == event.data.model_dump(mode="json")


def test_an_unknown_type_is_an_unknown_event_that_can_be_shown() -> None:
    key, headers, _ = record(announced())
    headers = replaced("ce_type", b"se.icld.network.renamed.v1")(headers)

    event = kafka.parse(topics.NETWORKS, key, headers, b"not even JSON")

    assert isinstance(event.data, UnknownEvent)
    assert event.data.summary == f"Network renamed ({key.decode()})"
    assert event.sequence == 7


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (replaced("ce_id", None), "id is null"),
        (replaced("ce_id", b"\xff\xfe"), "id is not UTF-8"),
        (replaced("ce_id", b"1"), "id is not a UUID"),
        (replaced("ce_id", b"01a21284-47cd7589bcf0-1eb4323e3108"), "id is not a UUID"),
        (without("ce_id"), "id is missing"),
        (without("ce_type"), "type is missing"),
        (without("ce_sequence"), "sequence is missing"),
        (replaced("ce_sequence", b"0"), "sequence is not a positive number"),
        (replaced("ce_sequence", b"-1"), "sequence is not a positive number"),
        (replaced("ce_sequence", str(2**63).encode()), "sequence is not a positive number"),
        (replaced("ce_sequence", "٣".encode()), "sequence is not a positive number"),
        (replaced("ce_time", b"yesterday"), "time is not a time"),
        (replaced("ce_time", b"2027-02-09T09:00:00"), "time has no offset"),
        (replaced("ce_time", b"0001-01-01T00:00:00+14:00"), "time is out of range"),
        (replaced("ce_source", b"urn:samband:registration"), "source is not urn:samband:networks"),
        (replaced("ce_subject", b"somebody else"), "subject is not the key"),
        (replaced("ce_dataschema", b"x" * 256), "dataschema is too long"),
        (replaced("ce_time", b"2" * 5000), "time is too long"),
        (replaced("ce_specversion", b"0.3"), "specversion is not 1.0"),
        (lambda headers: [*headers, ("ce_type", b"twice")], "type stands twice"),
    ],
)
def test_a_broken_header_is_unparsable_with_the_reason(
    change: Callable[[Headers], Headers], reason: str
) -> None:
    key, headers, value = record(announced())

    with pytest.raises(kafka.Unparsable, match=reason):
        kafka.parse(topics.NETWORKS, key, change(headers), value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff",
        b"{",
        b"[]",
        b"null",
        b'{"network_id": NaN}',
        b'{"round": 1e309}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_broken_value_is_unparsable(value: bytes | None) -> None:
    key, headers, _ = record(announced())

    with pytest.raises(kafka.Unparsable):
        kafka.parse(topics.NETWORKS, key, headers, value)


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"0198f2a0-0000-7000-8000-00000000beef"])
def test_a_missing_broken_or_foreign_key_is_unparsable(key: bytes | None) -> None:
    _, headers, value = record(announced())

    with pytest.raises(kafka.Unparsable):
        kafka.parse(topics.NETWORKS, key, without("ce_subject")(headers), value)


def test_a_tombstone_with_a_value_is_unparsable() -> None:
    erased = structured.from_json(
        package_file("samples/se.icld.contact.erased.v1.json").read_text(encoding="utf-8")
    )
    key, headers, value = record(erased)

    assert value is None
    with pytest.raises(kafka.Unparsable, match="a tombstone has a value"):
        kafka.parse(topics.CONTACT_STATE, key, headers, b"{}")


def test_the_reason_never_repeats_the_input() -> None:
    key, headers, _ = record(announced())

    with pytest.raises(kafka.Unparsable) as refusal:
        kafka.parse(topics.NETWORKS, key, headers, b'{"network_id": "asa.oberg@pitea.example"}')

    assert "asa.oberg" not in str(refusal.value)


names = st.sampled_from(
    ["ce_id", "ce_source", "ce_type", "ce_time", "ce_sequence", "ce_subject", "ce_traceparent"]
) | st.text(max_size=20)


@given(
    key=st.none() | st.binary(max_size=40),
    changes=st.lists(st.tuples(names, st.none() | st.binary(max_size=60)), max_size=6),
    keep=st.booleans(),
    value=st.none() | st.binary(max_size=200),
)
def test_no_record_makes_reading_raise_anything_but_unparsable(
    key: bytes | None, changes: Headers, *, keep: bool, value: bytes | None
) -> None:
    good = record(announced())
    changed = dict(changes)
    headers = [(n, changed.pop(n, v)) for n, v in good[1]] if keep else []

    try:
        event = kafka.parse(topics.NETWORKS, key, [*headers, *changed.items()], value)
    except kafka.Unparsable:
        return
    assert isinstance(event.data, Event)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"subject": 1}', "[" * 100_000])
def test_broken_structured_documents_are_unparsable(text: str) -> None:
    with pytest.raises(kafka.Unparsable):
        structured.from_json(text)


@pytest.mark.parametrize("attribute", ["subject", "id", "dataschema"])
def test_half_of_a_surrogate_pair_in_a_structured_document_is_unparsable(attribute: str) -> None:
    document = json.loads(structured.to_json(announced()))
    document |= {"type": "se.icld.network.renamed.v1", attribute: "\ud800"}

    with pytest.raises(kafka.Unparsable):
        structured.from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n", False),
        ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", False),
        ("x" * 900_000, False),
        ("", False),
    ],
)
def test_a_traceparent_is_one_or_is_left_out(text: str, *, kept: bool) -> None:
    key, headers, value = record(announced())

    event = kafka.parse(topics.NETWORKS, key, [*headers, ("ce_traceparent", text.encode())], value)

    assert event.traceparent == (text if kept else None)


def test_every_event_says_itself_in_a_sentence() -> None:
    opened = NetworkOpened(network_id=uuid4())

    assert opened.summary == f"Network opened ({opened.network_id})"
    assert announced().data.summary == "Network announced: Human rights, round 1"
