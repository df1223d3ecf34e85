"""Reading: a service's own part of a history, from its tables.

Events are found by a small index that follows the order in which ids are
made. What is looked for by the key of an aggregate, as a reference is, takes
one look through the whole outbox.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from samband_contracts import kafka, structured
from samband_contracts.topics import BY_NAME, Visibility

from samband_kit.consumer import inspection
from samband_kit.history import Appended, Fate, History, State, merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from samband_contracts.topics import Topic

    from samband_kit.database import Connection
    from samband_kit.service import Service

MOST = 5_000
"""Of each kind, in one history."""

EVENTS = """
select topic, key, sequence, event_id, event_type, appended_at, published_at, quarantined_at,
       headers::text as headers, value
from outbox where correlation_id = any($1::uuid[])
order by position limit $2
"""

# The headers of a parked record are JSON with the values in base64.
_PARKED = """
select topic, key, sequence, event_id, reason, parked_at, skipped_at
from parked
where event_id = any($1::uuid[])
   or exists (select from unnest($2::text[]) as header where position(header in raw_headers) > 0)
order by parked_id limit $3
"""

_POSITIONS = """
select wanted.topic, wanted.key, last_sequence
from unnest($1::text[], $2::text[]) as wanted (topic, key)
join positions using (topic, key)
"""


async def part_of(
    conn: Connection, service: Service, asked: str, others: Iterable[History] = ()
) -> History:
    """What `service` knows of `asked` and of what the other parts tell.

    `asked` is a correlation id, an event's id, or what the service itself
    calls something.
    """
    known = merge(others)
    correlations = list(dict.fromkeys([*known.correlations, *await _meant(conn, service, asked)]))
    if not correlations:
        return History()
    events = await _events(conn, service, correlations)
    everything = {event.event_id: event for event in (*known.events, *events)}
    happenings = await service.happenings(conn, correlations) if service.happenings else []
    notes = [
        f"{service.name}: only the first {MOST} events are shown" if len(events) == MOST else "",
        f"{service.name}: only the first {MOST} happenings are shown"
        if len(happenings) >= MOST
        else "",
    ]
    return History(
        correlations=tuple(correlations),
        events=tuple(events),
        fates=tuple(await _fates(conn, service, correlations, list(everything.values()))),
        happenings=tuple(happenings),
        notes=tuple(filter(None, notes)),
    )


async def correlations_of_key(conn: Connection, topic: Topic, key: str) -> list[UUID]:
    """What led to the events of one key; reads the whole outbox."""
    rows = await conn.fetch(
        """
        select correlation_id from outbox where topic = $1 and key = $2
        group by correlation_id order by min(position)
        """,
        topic.name,
        key,
    )
    return [row["correlation_id"] for row in rows if row["correlation_id"] is not None]


async def _meant(conn: Connection, service: Service, asked: str) -> list[UUID]:
    wanted = _uuid(asked)
    found: list[UUID] = []
    if wanted is not None:
        rows = await conn.fetch(
            """
            select distinct correlation_id from outbox
            where (correlation_id = $1 or event_id = $1) and correlation_id is not null
            """,
            wanted,
        )
        found = [row["correlation_id"] for row in rows]
    if not found and service.meanings is not None:
        found = await service.meanings(conn, asked)
    if not found and wanted is not None and await _parked(conn, [wanted], []):
        found = [wanted]
    return found


async def _events(
    conn: Connection, service: Service, correlations: Sequence[UUID]
) -> list[Appended]:
    return [
        Appended(
            service=service.name,
            topic=row["topic"],
            key=row["key"],
            sequence=row["sequence"],
            event_id=row["event_id"],
            appended_at=row["appended_at"],
            published_at=row["published_at"],
            set_aside=row["quarantined_at"] is not None,
            event=_document(row),
        )
        for row in await conn.fetch(EVENTS, correlations, MOST)
    ]


def _document(row: Any) -> dict[str, Any]:
    # What another version wrote: what it is called can still be told.
    described = {"id": str(row["event_id"]), "type": row["event_type"], "subject": row["key"]}
    topic = BY_NAME.get(row["topic"])
    if topic is None:
        return described
    headers = {name: text.encode() for name, text in json.loads(row["headers"]).items()}
    try:
        event = kafka.parse(topic, row["key"].encode(), headers.items(), row["value"])
    except kafka.Unparsable:
        return described
    document: dict[str, Any] = json.loads(structured.to_json(event))
    if topic.visibility is not Visibility.PUBLIC:
        document.pop("data", None)
    return document


async def _parked(
    conn: Connection, correlations: Sequence[UUID], event_ids: Sequence[UUID], service: str = ""
) -> list[Fate]:
    headers = [
        json.dumps(["ce_correlationid", base64.b64encode(str(one).encode()).decode()])
        for one in correlations
    ]
    return [
        Fate(
            service=service,
            topic=row["topic"],
            key=row["key"],
            sequence=row["sequence"],
            event_id=row["event_id"],
            state=State.PARKED if row["skipped_at"] is None else State.SKIPPED,
            reason=row["reason"] if row["skipped_at"] is None else None,
            at=row["skipped_at"] or row["parked_at"],
        )
        for row in await conn.fetch(_PARKED, list(event_ids), headers, MOST)
    ]


async def _fates(
    conn: Connection, service: Service, correlations: Sequence[UUID], events: Sequence[Appended]
) -> list[Fate]:
    heard = [event for event in events if _is_handled(service, event)]
    parked = await _parked(conn, correlations, [event.event_id for event in events], service.name)
    settled = {fate.event_id for fate in parked}
    rows = await conn.fetch(
        _POSITIONS, [event.topic for event in heard], [event.key for event in heard]
    )
    positions = {(row["topic"], row["key"]): row["last_sequence"] for row in rows}
    # The position is past them, and they were not applied.
    skipped = await inspection.given_up(
        conn, [(event.topic, event.key, event.sequence) for event in heard]
    )
    return [
        *parked,
        *(
            Fate(
                service=service.name,
                topic=event.topic,
                key=event.key,
                sequence=event.sequence,
                event_id=event.event_id,
                state=State.SKIPPED
                if at is not None
                else _state(event, positions.get((event.topic, event.key), 0)),
                at=at,
            )
            for event in heard
            if event.event_id not in settled
            for at in [skipped.get((event.topic, event.key, event.sequence))]
        ),
    ]


def _state(event: Appended, reached: int) -> State:
    if reached < event.sequence:
        return State.WAITING
    if reached > event.sequence and BY_NAME[event.topic].is_state:
        return State.REPLACED
    return State.APPLIED


def _is_handled(service: Service, event: Appended) -> bool:
    return any(
        event.event.get("type") == kind.TYPE
        for reaction in service.reactions
        if reaction.topic.name == event.topic
        for kind in reaction.handlers
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
