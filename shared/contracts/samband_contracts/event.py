"""What every event is: data with a type, and the envelope that it travels in.

An `Event` is the fact alone; the domain of a service returns it. A
`CloudEvent` is that fact with the attributes it was published under: who said
it, when, as which number in its key's order, and because of what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

SCHEMA_URN = "urn:samband:schema:"


class Event(BaseModel):
    """One fact. Subclasses name it in the past tense and never change meaning.

    Within a version fields are only added, with a default; fields that a
    newer sender added are ignored. A breaking change is a new type.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str]
    """Reverse DNS, entity, fact, version: `se.icld.network.announced.v1`."""
    KEY: ClassVar[str]
    """Name of the field that holds the aggregate's id."""
    TOMBSTONE: ClassVar[bool] = False
    """True for the event whose record has no value: it erases its key."""

    @property
    def key(self) -> str:
        """Id of the aggregate: the record's key, within which order holds."""
        return str(getattr(self, self.KEY))

    @property
    def summary(self) -> str:
        """One English sentence for people and logs, without personal data.

        Built from the type alone unless a class says more, so that a program
        can show an event that it does not know.
        """
        return summarise(self.TYPE, self.key)


class UnknownEvent(Event):
    """An event of a type that this version of the package does not know.

    Consumers count it and go on. `value` is the record's value as it came.
    """

    TYPE: ClassVar[str] = "unknown"
    KEY: ClassVar[str] = "subject"

    type: str
    subject: str
    value: bytes | None = None

    @property
    def summary(self) -> str:
        return summarise(self.type, self.subject)


E_co = TypeVar("E_co", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class CloudEvent(Generic[E_co]):
    """An event with its CloudEvents 1.0 attributes.

    `sequence` counts the events of one key on one topic from 1 without gaps
    (on compacted topics: a higher one replaces a lower one). `correlation_id`
    is the same for everything that one person's action led to;
    `causation_id` is the event that led to this one.
    """

    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    sequence: int
    data: E_co
    dataschema: str | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    traceparent: str | None = None

    def attributes(self) -> dict[str, str]:
        """The attributes by their CloudEvents names, as strings, absent ones left out."""
        optional: dict[str, Any] = {
            "dataschema": self.dataschema,
            "correlationid": self.correlation_id,
            "causationid": self.causation_id,
            "traceparent": self.traceparent,
        }
        return {
            "specversion": "1.0",
            "id": str(self.id),
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": self.time.isoformat().replace("+00:00", "Z"),
            "sequence": str(self.sequence),
            **{name: str(value) for name, value in optional.items() if value is not None},
        }


def schema_uri(event_type: str) -> str:
    """The `dataschema` of an event type."""
    return SCHEMA_URN + event_type


def summarise(event_type: str, subject: str) -> str:
    """`se.icld.network.announced.v1` about x becomes "Network announced (x)"."""
    *_, entity, fact, _version = ["", "", *event_type.split(".")]
    words = f"{entity} {fact}".replace("-", " ").strip() or event_type
    return f"{words[:1].upper()}{words[1:]} ({subject})"
