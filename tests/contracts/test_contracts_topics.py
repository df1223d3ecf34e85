"""The table of topics keeps the promises that readers and access rules rely on."""

from __future__ import annotations

import re
import types
from typing import TYPE_CHECKING, Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from samband_contracts import topics
from samband_contracts.organisations import OrganisationDescribed
from samband_contracts.topics import Cleanup, Visibility
from samband_contracts.values import Code, Country, Localised, Name, ZoneName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from samband_contracts.topics import Topic

by_topic = pytest.mark.parametrize("topic", topics.ALL, ids=lambda topic: topic.name)

# Text that a public event may carry: what staff name publicly, and codes.
# Anything else could be something that a person wrote about a person.
PUBLIC_TEXT = {
    "Organisation.name",
    "OrganisationDescribed.aliases",
    "CallOpened.title",
    "NetworkAnnounced.name",
    "MeetingScheduled.title",
}
SHORT_CODES = (Code, Country, ZoneName)


@by_topic
def test_a_topic_is_named_visibility_first_in_kebab_case(topic: Topic) -> None:
    assert re.fullmatch(r"samband\.(public|internal)\.[a-z]+(-[a-z]+)*", topic.name)
    assert topic.name.endswith("-state") == (topic.cleanup is Cleanup.COMPACT)
    assert topic.partitions == 12


@by_topic
def test_events_of_a_topic_have_its_key_and_a_versioned_type(topic: Topic) -> None:
    for event in topic.events:
        assert topic.key == event.KEY
        assert re.fullmatch(r"se\.icld\.[a-z-]+\.[a-z-]+\.v[0-9]+", event.TYPE)


@by_topic
def test_only_compacted_topics_have_tombstones(topic: Topic) -> None:
    for event in topic.events:
        assert topic.is_state or not event.TOMBSTONE


def test_an_event_is_published_on_one_topic_only() -> None:
    everything = [event for topic in topics.ALL for event in topic.events]

    assert len(everything) == len(set(everything))
    assert len({event.TYPE for event in everything}) == len(everything)
    assert all(topics.topic_of(event).event(event.TYPE) is event for event in everything)


def test_public_events_carry_no_free_text() -> None:
    found = {
        place
        for topic in topics.ALL
        if topic.visibility is Visibility.PUBLIC
        for event in topic.events
        for place in free_text(event)
    }

    assert found == PUBLIC_TEXT


def test_names_and_addresses_of_people_travel_on_contact_state_alone() -> None:
    personal = {"email", "phone", "contact_name", "message", "address"}
    for topic in topics.ALL:
        for event in topic.events:
            if topic is not topics.CONTACT_STATE:
                assert not personal & set(event.model_fields), event.__name__
    assert topics.CONTACT_STATE.max_compaction_lag_hours == 1


def test_the_free_text_check_would_notice_a_new_text_field() -> None:
    class OrganisationDescribedWithNote(OrganisationDescribed):
        """As before, with something that somebody typed."""

        note: str

    assert "OrganisationDescribedWithNote.note" in set(free_text(OrganisationDescribedWithNote))


def free_text(model: type[BaseModel]) -> Iterator[str]:
    """Fields of `model`, and of models inside it, that may hold any text."""
    for name, field in model.model_fields.items():
        annotation: Any = field.rebuild_annotation()
        for part in flat(annotation):
            if part in SHORT_CODES:
                continue
            if part is str or part == Name or part is Localised:
                yield f"{model.__name__}.{name}"
            elif isinstance(part, type) and issubclass(part, BaseModel):
                yield from free_text(part)


def flat(annotation: Any) -> Iterator[Any]:
    """The types that an annotation is made of: unions and tuples taken apart."""
    if get_origin(annotation) in (types.UnionType, tuple) or "Union" in str(get_origin(annotation)):
        for part in get_args(annotation):
            yield from flat(part)
    else:
        yield annotation
