"""Timeline: a history in the order of time, a line for each thing that happened."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from samband_contracts.event import summarise

from samband_kit.history import Fate, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from samband_kit.history import Appended, History

_UUID7 = 7


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `trouble` is what somebody should look at."""

    at: datetime
    service: str
    what: str
    ids: str
    trouble: bool = False


def lines(history: History) -> list[Line]:
    """Everything of the history, first things first."""
    found = [
        *(line for one in history.correlations for line in _began(one)),
        *(line for event in history.events for line in _event(event, _fates(history, event))),
        *(
            _of_fate(fate)
            for fate in history.fates
            if fate.at is not None and fate.state in (State.PARKED, State.SKIPPED)
        ),
        *(
            Line(
                one.at,
                one.service,
                one.what,
                " ".join(f"{name} {value}" for name, value in one.about.items()),
            )
            for one in history.happenings
        ),
    ]
    # Python's sort is stable: of one moment, what is named first above comes first.
    return sorted(found, key=lambda line: line.at)


def _began(correlation: UUID) -> Iterator[Line]:
    if correlation.version != _UUID7:
        return
    at = datetime.fromtimestamp((correlation.int >> 80) / 1000, UTC)
    yield Line(at, "", "a request, command or job began", f"correlation {correlation}")


def _event(event: Appended, fates: list[Fate]) -> Iterator[Line]:
    name = summarise(str(event.event.get("type", "")), event.key)
    place = f"{event.topic} #{event.sequence}"
    at, service = event.appended_at, event.service
    yield Line(at, service, f"{name}: {place}", f"event {event.event_id}")
    if event.set_aside:
        yield Line(at, service, f"never sent, by an operator: {place}", "", trouble=True)
    elif event.published_at is None:
        yield Line(at, service, f"waits to be published: {place}", "", trouble=True)
    else:
        yield Line(event.published_at, service, f"published: {place}", _told(fates))


def _told(fates: list[Fate]) -> str:
    by_state: dict[State, list[str]] = defaultdict(list)
    for fate in fates:
        by_state[fate.state].append(fate.service)
    return "; ".join(f"{state}: {', '.join(sorted(who))}" for state, who in by_state.items())


def _of_fate(fate: Fate) -> Line:
    reason = f" ({fate.reason})" if fate.reason else ""
    return Line(
        fate.at or datetime.min.replace(tzinfo=UTC),
        fate.service,
        f"{fate.state}{reason}: {fate.topic} #{fate.sequence}",
        f"event {fate.event_id}",
        trouble=fate.state is State.PARKED,
    )


def _fates(history: History, event: Appended) -> list[Fate]:
    return [fate for fate in history.fates if fate.event_id == event.event_id]
