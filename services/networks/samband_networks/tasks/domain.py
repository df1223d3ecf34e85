"""Task: something that happened and that a person has to see to.

A fact from another service is never refused. Where a network cannot follow
it, the fact is kept and its coordinator gets one task about it, however often
the fact is repeated.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from samband_kit.errors import NotFound


class TaskKind(StrEnum):
    """What has happened."""

    ACCEPTED_AFTER_END = "accepted_after_end"
    """An organisation was accepted, but the network is over."""
    ACCEPTED_AFTER_LEAVING = "accepted_after_leaving"
    """An organisation that has left was accepted again."""
    OVER_CAPACITY = "over_capacity"
    """An organisation became a member though every place was taken."""
    WITHDRAWN = "withdrawn"
    """A member's registration was withdrawn after it had been accepted."""


class TaskUnknown(NotFound):
    """There is no such task in this network."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to see to; `registration_id` is what it is about."""

    task_id: UUID
    network_id: UUID
    kind: TaskKind
    organisation_id: UUID
    registration_id: UUID
