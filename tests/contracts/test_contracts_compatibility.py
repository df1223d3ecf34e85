"""What a release promised holds for ever; every way to break it is noticed."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from pydantic import BaseModel
from samband_contracts import documents, release
from samband_contracts.calls import CallOpened
from samband_contracts.networks import NetworkAnnounced
from samband_contracts.values import Localised

from tests.contracts.compatibility import broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from samband_contracts.event import Event

RELEASED = Path(documents.__file__).parents[1] / "released"
TOPIC, EVENT = "samband.public.networks", NetworkAnnounced.TYPE
CALL_OPENED = CallOpened.TYPE
TODAY = json.loads(json.dumps(release.promise()))
ZONE = TODAY["schemas"][CALL_OPENED]["properties"]["zone"]["pattern"]


@pytest.mark.parametrize(("version", "promised"), release.released(RELEASED).items())
def test_everything_that_was_released_still_holds(version: str, promised: Any) -> None:
    sentences = broken(version, promised, TODAY)
    assert not sentences, "\n" + "\n".join(sentences)


def test_there_is_a_release_to_compare_with() -> None:
    assert "0.1.0" in release.released(RELEASED)


def test_what_was_promised_was_not_changed_afterwards() -> None:
    assert release.changed(RELEASED) == []


def test_what_is_as_it_was_breaks_nothing() -> None:
    assert broken("0.1.0", TODAY, deepcopy(TODAY)) == []


class Gone(BaseModel):
    """`Localised` without Swedish."""

    en: str


class FieldGone(NetworkAnnounced):
    call_id: None = None


class Retyped(NetworkAnnounced):
    round: str  # type: ignore[assignment]  # breaking the contract is the point


class Wider(NetworkAnnounced):
    round: int | None  # type: ignore[assignment]  # breaking the contract is the point


class Narrower(NetworkAnnounced):
    call_id: UUID


class NoUuid(NetworkAnnounced):
    network_id: str  # type: ignore[assignment]  # breaking the contract is the point


class OtherFormat(NetworkAnnounced):
    network_id: date  # type: ignore[assignment]  # breaking the contract is the point


class NewAndRequired(NetworkAnnounced):
    budget: int


class InnerGone(NetworkAnnounced):
    name: Gone  # type: ignore[assignment]  # breaking the contract is the point


class Grown(NetworkAnnounced):
    budget: int | None = None
    subtitle: Localised | None = None


BREAKING = [
    (Retyped, "round may be what readers of 0.1.0 refuse"),
    (Wider, "round may be what readers of 0.1.0 refuse"),
    (Narrower, "call_id refuses what 0.1.0 has sent"),
    (NoUuid, "network_id may be what readers of 0.1.0 refuse"),
    (OtherFormat, "network_id may be what readers of 0.1.0 refuse"),
    (NewAndRequired, "budget is new and required"),
    (InnerGone, "name may be what readers of 0.1.0 refuse"),
    (FieldGone, "call_id refuses what 0.1.0 has sent"),
]


@pytest.mark.parametrize(
    ("changed", "said"), BREAKING, ids=lambda one: getattr(one, "__name__", "")
)
def test_a_changed_field_is_noticed_and_named(changed: type[Event], said: str) -> None:
    sentences = broken("0.1.0", TODAY, today_with(changed))
    assert [sentence for sentence in sentences if f"{EVENT}: {said}" in sentence]


def test_new_fields_with_a_default_break_nothing() -> None:
    assert broken("0.1.0", TODAY, today_with(Grown)) == []


def test_a_new_field_inside_of_another_breaks_nothing_if_it_has_a_default() -> None:
    def add(promise: Any) -> None:
        inner = promise["schemas"][EVENT]["$defs"]["Localised"]
        inner["properties"]["fi"] = {"type": "string", "default": ""}

    assert broken("0.1.0", TODAY, changed(add)) == []

    def require(promise: Any) -> None:
        add(promise)
        promise["schemas"][EVENT]["$defs"]["Localised"]["required"].append("fi")

    [sentence] = broken("0.1.0", TODAY, changed(require))
    assert f"{EVENT}: name refuses what 0.1.0 has sent" in sentence


def remove_field(promise: Any) -> None:
    del promise["schemas"][EVENT]["properties"]["call_id"]


def remove_event(promise: Any) -> None:
    promise["topics"][TOPIC]["events"].remove(EVENT)
    del promise["schemas"][EVENT]


def remove_topic(promise: Any) -> None:
    del promise["topics"][TOPIC]


def set_pattern(pattern: str | None) -> Callable[[Any], None]:
    """The zone of a call is written otherwise; None takes the pattern away."""

    def change(promise: Any) -> None:
        zone = promise["schemas"][CALL_OPENED]["properties"]["zone"]
        zone.pop("pattern")
        if pattern is not None:
            zone["pattern"] = pattern

    return change


def set_rule(rule: str, value: object) -> Callable[[Any], None]:
    def change(promise: Any) -> None:
        promise["topics"][TOPIC][rule] = value

    return change


def make_a_tombstone(promise: Any) -> None:
    promise["schemas"][EVENT] = {"type": "null"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (remove_field, f"{EVENT}: call_id is gone"),
        (remove_event, f"{EVENT} is gone from {TOPIC}"),
        (remove_topic, f"{TOPIC} is gone"),
        (set_rule("owner", "registration"), f"{TOPIC} has owner registration instead of networks"),
        (set_rule("key", "call_id"), f"{TOPIC} has key call_id instead of network_id"),
        (set_rule("cleanup", "compact"), f"{TOPIC} has cleanup compact instead of keep"),
        (set_rule("partitions", 6), f"{TOPIC} has partitions 6 instead of 12"),
        (set_rule("partitions", 24), f"{TOPIC} has partitions 24 instead of 12"),
        (make_a_tombstone, f"{EVENT} is another kind of value"),
    ],
)
def test_what_was_promised_and_taken_away_is_one_sentence(
    change: Callable[[Any], None], said: str
) -> None:
    [sentence] = broken("0.1.0", TODAY, changed(change))
    assert sentence.startswith(said)


REFUSED_BY_OTHERS = f"{CALL_OPENED}: zone may be what readers of 0.1.0 refuse"
REFUSES = f"{CALL_OPENED}: zone refuses what 0.1.0 has sent"


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (ZONE, "^[A-Z]+$", {REFUSED_BY_OTHERS, REFUSES}),
        (ZONE, None, {REFUSED_BY_OTHERS}),
        (None, ZONE, {REFUSES}),
    ],
    ids=["changed", "dropped", "added"],
)
def test_a_pattern_is_a_promise_to_both_sides(
    then: str | None, now: str | None, said: set[str]
) -> None:
    sentences = broken("0.1.0", changed(set_pattern(then)), changed(set_pattern(now)))
    assert len(sentences) == len(said)
    assert all(any(sentence.startswith(one) for one in said) for sentence in sentences)


def test_a_length_counts_where_there_is_a_pattern_besides() -> None:
    def limit(promise: Any) -> None:
        promise["schemas"][CALL_OPENED]["properties"]["zone"]["maxLength"] = 3

    assert [s for s in broken("0.1.0", TODAY, changed(limit)) if s.startswith(REFUSES)]


def test_more_topics_and_events_break_nothing() -> None:
    def grow(promise: Any) -> None:
        promise["topics"]["samband.public.new"] = promise["topics"][TOPIC]
        promise["topics"][TOPIC] = {
            **promise["topics"][TOPIC],
            "events": [*promise["topics"][TOPIC]["events"], "se.icld.network.renamed.v1"],
        }
        promise["schemas"]["se.icld.network.renamed.v1"] = promise["schemas"][EVENT]

    assert broken("0.1.0", TODAY, changed(grow)) == []


def test_a_release_is_frozen_once(tmp_path: Path) -> None:
    path = release.freeze(tmp_path, "9.9.9")

    assert release.released(tmp_path) == {"9.9.9": TODAY}
    with pytest.raises(release.ReleaseRefused, match="is released"):
        release.freeze(tmp_path, "9.9.9")
    path.unlink()
    with pytest.raises(release.ReleaseRefused, match="is released"):
        release.freeze(tmp_path, "9.9.9")
    shutil.rmtree(tmp_path)
    with pytest.raises(release.ReleaseRefused, match="in a checkout"):
        release.freeze(tmp_path, "9.9.9")
    with pytest.raises(release.ReleaseRefused, match="no version"):
        release.freeze(tmp_path, "../9")


def test_a_release_that_was_changed_removed_or_slipped_in_is_named(tmp_path: Path) -> None:
    for version in ("9.9.7", "9.9.8", "9.9.9"):
        release.freeze(tmp_path, version)
    assert release.changed(tmp_path) == []

    text = (tmp_path / "9.9.7.json").read_text(encoding="utf-8")
    (tmp_path / "9.9.7.json").write_text(text.replace('"keep"', '"compact"', 1), encoding="utf-8")
    (tmp_path / "9.9.8.json").unlink()
    (tmp_path / "9.9.10.json").write_text(text, encoding="utf-8")

    assert release.changed(tmp_path) == [
        "9.9.10.json was frozen by nobody: `python -m samband_contracts release` does it.",
        "9.9.7.json is not what was frozen: bring it back from the commit that released it.",
        "9.9.8.json is gone: bring it back from the commit that released it.",
    ]


def today_with(event: type[Event]) -> Any:
    """Today's promise, with another class for the same event."""

    def replace(promise: Any) -> None:
        promise["schemas"][EVENT] = json.loads(json.dumps(documents.schema(event)))

    return changed(replace)


def changed(change: Callable[[Any], None]) -> Any:
    promise = deepcopy(TODAY)
    change(promise)
    return promise
