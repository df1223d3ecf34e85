"""History: everything that happened because of one correlation, as far as it is written down.

Each service knows a part: the events that it appended, which events it has
applied or parked, and what else it did. `reading` collects a service's part,
`merge` puts the parts of several together, `timeline` tells them in the order
of time. The parts are JSON, so that services on different machines can be
asked one after the other. They hold opaque ids, and data of public topics alone.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterable


class State(StrEnum):
    """What became of an event in a service that listens to it."""

    APPLIED = "applied"
    REPLACED = "replaced by newer state"
    PARKED = "parked"
    SKIPPED = "skipped by an operator"
    WAITING = "not applied yet"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Appended(_Part):
    """An event, by the service that said it."""

    service: str
    topic: str
    key: str
    sequence: int
    event_id: UUID
    appended_at: datetime
    published_at: datetime | None
    set_aside: bool
    """By an operator: it is never sent."""
    event: dict[str, Any]
    """As CloudEvents' JSON; without data where the topic is not public."""


class Fate(_Part):
    """What became of an event in one service."""

    service: str
    topic: str
    key: str | None
    sequence: int | None
    event_id: UUID | None
    state: State
    reason: str | None = None
    at: datetime | None = None
    """When it was parked or skipped; nobody notes when an event is applied."""


class Happening(_Part):
    """Something else that a service did: `what` in a few words, `about` the ids of what."""

    at: datetime
    service: str
    what: str
    about: dict[str, str]


class History(_Part):
    """What is known; `notes` say where it may not be all."""

    correlations: tuple[UUID, ...] = ()
    events: tuple[Appended, ...] = ()
    fates: tuple[Fate, ...] = ()
    happenings: tuple[Happening, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known."""
        return not (self.events or self.fates or self.happenings)


def merge(parts: Iterable[History]) -> History:
    """One history of several; what two parts know about the same thing is there once.

    Of two fates of an event in one service the later part's counts.
    """
    parts = list(parts)
    fates = {
        (fate.service, fate.topic, fate.event_id or (fate.key, fate.sequence)): fate
        for part in parts
        for fate in part.fates
    }
    return History(
        correlations=tuple(dict.fromkeys(one for part in parts for one in part.correlations)),
        events=tuple({event.event_id: event for part in parts for event in part.events}.values()),
        fates=tuple(fates.values()),
        happenings=tuple(
            {one.model_dump_json(): one for part in parts for one in part.happenings}.values()
        ),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )
