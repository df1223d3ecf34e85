"""Records: what was read from Kafka, and what could be made of it.

Reading is total. Whatever bytes come, the answer is an `Arrived`: with its
event, or with the complaint why there is none. What is still legible of a
broken record (key, sequence) is kept, because it says whom the record holds up.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from uuid import UUID

from samband_contracts.kafka import PULSE_KEY, PULSE_TYPE, Unparsable, parse

if TYPE_CHECKING:
    from samband_contracts.event import CloudEvent
    from samband_contracts.topics import Topic

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]

LONGEST_KEY = 255
_LARGEST_SEQUENCE = 2**63 - 1


class RawRecord(Protocol):
    """A record as aiokafka hands it over."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def value(self) -> bytes | None: ...


@dataclass(slots=True)
class Arrived:
    """One record. `event` is None when the bytes are no event; `complaint` then says why.

    `key` and `sequence` are both there or it belongs to no order: it is
    parked alone and holds nobody up.
    """

    partition: int
    offset: int
    raw_key: bytes | None
    raw_headers: Headers
    raw_value: bytes | None
    event: CloudEvent[Any] | None
    key: str | None
    sequence: int | None
    event_id: UUID | None
    event_type: str | None
    complaint: str = ""

    @property
    def number(self) -> int:
        """Its sequence, 0 where it has none."""
        return self.sequence or 0

    @property
    def is_ordered(self) -> bool:
        """Whether it has a place in the order of a key."""
        return self.key is not None and self.sequence is not None

    def fingerprint(self) -> bytes:
        """The same for the same event wherever it stands; else for this very record."""
        digest = blake2b(digest_size=16)
        if self.is_ordered and self.event_id is not None:
            place = f"{self.key}\n{self.sequence}\n{self.event_id}\n{self.event_type}\n"
        else:
            place = f"{self.partition}\n{self.offset}\n{headers_to_text(self.raw_headers)}\n"
            digest.update(self.raw_key or b"")
        if self.event is None:
            # The same number with other headers may be the good copy of a broken record.
            digest.update(headers_to_text(self.raw_headers).encode())
        digest.update(place.encode())
        digest.update(b"" if self.raw_value is None else b"\n" + self.raw_value)
        return digest.digest()


def arrive(topic: Topic, record: RawRecord) -> Arrived:
    """Make of a record what can be made of it."""
    return read(topic, record.partition, record.offset, record.key, record.headers, record.value)


def read(
    topic: Topic,
    partition: int,
    offset: int,
    key: bytes | None,
    headers: Headers,
    value: bytes | None,
) -> Arrived:
    """Make of these bytes what can be made of them. Never raises."""
    try:
        event = parse(topic, key, headers, value)
    except Unparsable as error:
        return _broken(partition, offset, key, headers, value, str(error))
    except Exception as error:  # noqa: BLE001 - a parser that fails makes a poison record like any other
        return _broken(partition, offset, key, headers, value, f"parser: {type(error).__name__}")
    subject = event.subject
    if len(subject) > LONGEST_KEY or "\0" in subject or "\0" in event.type:
        return _broken(partition, offset, key, headers, value, "the key or type cannot be stored")
    return Arrived(
        partition,
        offset,
        key,
        headers,
        value,
        event,
        subject,
        event.sequence,
        event.id,
        event.type,
    )


def is_pulse(topic: Topic, arrived: Arrived) -> bool:
    """A record that an owner appends to make Kafka roll its segments; it means nothing."""
    return (
        topic.max_compaction_lag_hours is not None
        and arrived.event is None
        and arrived.event_type == PULSE_TYPE
        and arrived.key == PULSE_KEY
        and all(name != "ce_sequence" for name, _ in arrived.raw_headers)
    )


def headers_to_text(headers: Headers) -> str:
    """Headers as JSON that any bytes fit in."""
    return json.dumps(
        [
            (name, None if value is None else base64.b64encode(value).decode())
            for name, value in headers
        ]
    )


def headers_from_text(text: str) -> list[tuple[str, bytes | None]]:
    """The reverse of `headers_to_text`."""
    return [
        (name, None if value is None else base64.b64decode(value))
        for name, value in json.loads(text)
    ]


def _broken(
    partition: int,
    offset: int,
    key: bytes | None,
    headers: Headers,
    value: bytes | None,
    complaint: str,
) -> Arrived:
    legible = {name: _legible(raw) for name, raw in headers}
    event_type = legible.get("ce_type")
    return Arrived(
        partition,
        offset,
        key,
        headers,
        value,
        event=None,
        key=_legible(key, LONGEST_KEY),
        sequence=_sequence(legible.get("ce_sequence")),
        event_id=_uuid(legible.get("ce_id")),
        event_type=event_type[:LONGEST_KEY] if event_type else None,
        complaint=complaint.replace("\0", ""),
    )


def _legible(raw: bytes | None, longest: int | None = None) -> str | None:
    if not raw or (longest is not None and len(raw) > longest):
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    # Postgres cannot store a NUL in text.
    return None if "\0" in text else text


def _sequence(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    number = int(text)
    return number if 1 <= number <= _LARGEST_SEQUENCE else None


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
