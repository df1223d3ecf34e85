"""Every event version has a frozen sample, and every sample can still be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from samband_contracts import kafka, structured, topics
from samband_contracts.documents import generated, package_file, schema

if TYPE_CHECKING:
    from samband_contracts.event import Event

EVENTS = [event for topic in topics.ALL for event in topic.events]
by_type = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.TYPE)


def sample(event: type[Event]) -> str:
    return package_file(f"samples/{event.TYPE}.json").read_text(encoding="utf-8")


@by_type
def test_a_sample_is_read_and_written_without_loss(event: type[Event]) -> None:
    text = sample(event)

    read = structured.from_json(text)

    assert type(read.data) is event
    assert json.loads(structured.to_json(read)) == json.loads(text)


@by_type
def test_a_sample_survives_the_way_through_kafka(event: type[Event]) -> None:
    sent = structured.from_json(sample(event))

    received = kafka.parse(
        topics.topic_of(event),
        sent.subject.encode(),
        kafka.to_headers(sent),
        kafka.to_value(sent.data),
    )

    assert received == sent


@by_type
def test_a_sample_satisfies_the_published_schema(event: type[Event]) -> None:
    published = json.loads(generated()[f"schemas/{event.TYPE}.json"])
    Draft202012Validator.check_schema(published)

    validator = Draft202012Validator(published, format_checker=FormatChecker())

    validator.validate(json.loads(sample(event)).get("data"))


@by_type
def test_fields_that_a_newer_sender_added_are_ignored(event: type[Event]) -> None:
    document = json.loads(sample(event))
    if event.TOMBSTONE:
        document["newattribute"] = "x"
    else:
        document["data"]["added_in_a_later_release"] = {"deep": [1, 2, 3]}

    assert (
        structured.from_json(json.dumps(document)).data == structured.from_json(sample(event)).data
    )


@by_type
def test_a_missing_field_is_refused_with_its_name(event: type[Event]) -> None:
    required = schema(event).get("required", [])
    needed = [name for name in required if event.model_fields[name].is_required()]
    for name in needed:
        document = json.loads(sample(event))
        del document["data"][name]
        with pytest.raises(kafka.Unparsable, match=name):
            structured.from_json(json.dumps(document))


def test_no_sample_is_left_without_its_event() -> None:
    names = {file.name for file in package_file("samples").iterdir()}

    assert names == {f"{event.TYPE}.json" for event in EVENTS}


def test_committed_schemas_and_asyncapi_are_those_of_the_code() -> None:
    for path, text in generated().items():
        assert package_file(path).read_text(encoding="utf-8") == text, (
            f"{path} is stale: run python -m samband_contracts write"
        )
    committed = {f"schemas/{file.name}" for file in package_file("schemas").iterdir()}
    assert committed == {path for path in generated() if path.startswith("schemas/")}
