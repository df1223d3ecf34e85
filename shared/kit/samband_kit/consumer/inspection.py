"""Inspection: what an operator sees of parked records, and what may be done to one.

Skipping is the only way in which a record is left out for good, and it is
written down with a name and a reason.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from samband_contracts.topics import BY_NAME

from samband_kit import audit
from samband_kit.consumer import parked, positions
from samband_kit.consumer.plan import Reason
from samband_kit.consumer.positions import Position
from samband_kit.consumer.records import headers_from_text
from samband_kit.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from samband_kit.database import Connection

_PAGE = 500
_COLUMNS = """
parked_id, topic, partition, record_offset, key, sequence, event_id, event_type, reason,
attempts, parked_at, next_attempt_at
"""

_SKIP, _SKIP_GAP = "parked skip", "parked skip --gap"
_GIVEN_UP = r"""
select wanted.topic, wanted.key, wanted.sequence, min(at) as at
from unnest($1::text[], $2::text[], $3::bigint[]) as wanted (topic, key, sequence)
join (
    select at, split_part(subject, ' ', 2) as topic, split_part(subject, ' ', 3) as key,
           substring(subject from ' passes (\d+) to \d+$')::bigint as first,
           substring(subject from ' passes \d+ to (\d+)$')::bigint as last
    from operator_audit where command = any($4)
) skip on skip.topic = wanted.topic and skip.key = wanted.key
          and wanted.sequence between first and last
group by 1, 2, 3
"""


class NotParked(NotFound):
    """There is no parked record {parked_id}."""


class WaitsBehind(Conflict):
    """Record {parked_id} waits behind record {first} of the same key. Settle that one first."""


class NothingMissing(Conflict):
    """Nothing is missing before record {parked_id}."""


class NoOrder(Conflict):
    """Record {parked_id} has no key or no sequence: it cannot be applied, only skipped."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """What a skip did: the key, and the numbers that will never be applied here."""

    topic: str
    key: str | None
    first: int | None
    last: int | None


async def browse(
    conn: Connection, *, topic: str | None = None, key: str | None = None, limit: int | None = None
) -> AsyncIterator[asyncpg.Record]:
    """Parked records, oldest first, page by page: any number costs little memory."""
    after, left = 0, limit
    while left is None or left > 0:
        page = await conn.fetch(
            f"""
            select {_COLUMNS} from parked
            where parked_id > $1 and skipped_at is null
              and ($2::text is null or topic = $2) and ($3::text is null or key = $3)
            order by parked_id
            limit $4
            """,  # noqa: S608 - a constant list of columns
            after,
            topic,
            key,
            _PAGE if left is None else min(left, _PAGE),
        )
        for row in page:
            yield row
        if not page:
            return
        after = page[-1]["parked_id"]
        left = None if left is None else left - len(page)


async def show(conn: Connection, parked_id: int) -> dict[str, Any]:
    """Everything about one parked record; its bytes as text where they are text.

    Raises:
        NotParked: there is none.
    """
    row = await conn.fetchrow(
        f"""
        select {_COLUMNS}, error, raw_key, raw_headers, raw_value
        from parked where parked_id = $1 and skipped_at is null
        """,  # noqa: S608 - a constant list of columns
        parked_id,
    )
    if row is None:
        raise NotParked(parked_id=parked_id)
    shown = dict(row)
    shown["raw_key"] = _text(row["raw_key"])
    shown["raw_value"] = _text(row["raw_value"])
    headers = headers_from_text(row["raw_headers"])
    shown["raw_headers"] = [[name, _text(value)] for name, value in headers]
    return shown


async def place(conn: Connection, parked_id: int) -> tuple[str, str]:
    """Topic and key of a parked record that can be tried again.

    Raises:
        NotParked: there is none.
        NoOrder: it belongs to no key's order.
    """
    row = await conn.fetchrow(
        "select topic, key, sequence from parked where parked_id = $1 and skipped_at is null",
        parked_id,
    )
    if row is None:
        raise NotParked(parked_id=parked_id)
    if row["key"] is None or row["sequence"] is None:
        raise NoOrder(parked_id=parked_id)
    return row["topic"], row["key"]


async def skip(conn: Connection, parked_id: int, *, operator: str, reason: str) -> Skipped:
    """Leave this record out for good, and what is missing before it, if anything.

    Its bytes are deleted. What waits behind it in its key is applied by the
    retries of the running service.

    Raises:
        NotParked: there is none.
        WaitsBehind: another one of its key comes first.
    """
    row = await _locked(conn, parked_id)
    topic, key, sequence = row["topic"], row["key"], row["sequence"]
    first, passed = sequence, None
    if key is not None and sequence is not None:
        standing = (await positions.lock(conn, topic, [key]))[key]
        if sequence > standing.sequence and row["reason"] != Reason.FORK:
            first = standing.sequence + 1
            passed = first, sequence
            await _refuse_behind(conn, row)
            reached = Position(sequence, row["event_id"])
            await positions.advance(conn, topic, {key: reached})
    await conn.execute(
        f"update parked set {parked.SKIPPED} where parked_id = $1",  # noqa: S608 - a constant
        parked_id,
    )
    if key is not None:
        await parked.wake(conn, topic, [key])
    await _note(conn, row, _SKIP, passed, operator, reason)
    return Skipped(topic, key, first, sequence)


async def skip_gap(conn: Connection, parked_id: int, *, operator: str, reason: str) -> Skipped:
    """Give up what is missing before this record, so that the record itself can be applied.

    Raises:
        NotParked: there is none.
        NoOrder: it belongs to no key's order.
        WaitsBehind: another one of its key comes first.
        NothingMissing: the event before it is applied.
    """
    row = await _locked(conn, parked_id)
    topic, key, sequence = row["topic"], row["key"], row["sequence"]
    if key is None or sequence is None:
        raise NoOrder(parked_id=parked_id)
    standing = (await positions.lock(conn, topic, [key]))[key]
    if _is_state(topic) or sequence <= standing.sequence + 1:
        raise NothingMissing(parked_id=parked_id)
    await _refuse_behind(conn, row)
    await positions.advance(conn, topic, {key: Position(sequence - 1)})
    await parked.wake(conn, topic, [key])
    passed = standing.sequence + 1, sequence - 1
    await _note(conn, row, _SKIP_GAP, passed, operator, reason)
    return Skipped(topic, key, *passed)


async def _locked(conn: Connection, parked_id: int) -> asyncpg.Record:
    # Position before row, as everywhere: the row is only read here.
    row = await conn.fetchrow(
        """
        select parked_id, topic, key, sequence, event_id, reason
        from parked where parked_id = $1 and skipped_at is null
        """,
        parked_id,
    )
    if row is None:
        raise NotParked(parked_id=parked_id)
    return row


async def _refuse_behind(conn: Connection, row: asyncpg.Record) -> None:
    if _is_state(row["topic"]):
        return
    first = await conn.fetchval(
        """
        select parked_id from parked
        where topic = $1 and key = $2 and sequence < $3 and skipped_at is null and reason <> 'fork'
        order by sequence limit 1
        """,
        row["topic"],
        row["key"],
        row["sequence"],
    )
    if first is not None:
        raise WaitsBehind(parked_id=row["parked_id"], first=first)


async def given_up(
    conn: Connection, events: Sequence[tuple[str, str, int]]
) -> dict[tuple[str, str, int], datetime]:
    """Which of these numbers of keys of topics an operator has given up unseen, and when."""
    rows = await conn.fetch(
        _GIVEN_UP,
        [topic for topic, _, _ in events],
        [key for _, key, _ in events],
        [sequence for _, _, sequence in events],
        [_SKIP, _SKIP_GAP],
    )
    return {(row["topic"], row["key"], row["sequence"]): row["at"] for row in rows}


async def _note(
    conn: Connection,
    row: asyncpg.Record,
    command: str,
    passed: tuple[int, int] | None,
    operator: str,
    reason: str,
) -> None:
    event_id: UUID | None = row["event_id"]
    subject = f"{row['parked_id']} {row['topic']} {row['key']} {row['sequence']} {event_id}"
    if passed is not None:
        # `given_up` reads it: a fork, say, is skipped and its number applied all the same.
        subject += f" passes {passed[0]} to {passed[1]}"
    await audit.record(
        conn,
        operator=operator,
        command=command,
        subject=subject,
        reason=reason,
    )


def _is_state(topic: str) -> bool:
    known = BY_NAME.get(topic)
    return known is not None and known.is_state


def _text(raw: bytes | None) -> str | None:
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(raw).decode()}"
