"""Blocked keys: what an operator does when Kafka refuses a record.

The relay blocks the key of a refused record and goes on with all others. Two
ways lead out, both audited: `release` tries again, after the cause has been
removed (a topic's limit raised, say); `quarantine` sets the refused record
aside for ever and lets the rest of the key go on. Consumers will then miss
that number and park what follows until someone skips the gap there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from samband_kit import audit
from samband_kit.database import Connection
from samband_kit.errors import NotFound

# By position, through the index of what waits: no other leads to a key's rows.
QUARANTINE = """
update outbox set quarantined_at = now()
where position = (
    select min(position) from outbox
    where topic = $1 and key = $2 and published_at is null and quarantined_at is null)
returning sequence
"""


@dataclass(frozen=True, slots=True)
class BlockedKey:
    """A key that waits for an operator; `sequence` is the record that was refused."""

    topic: str
    key: str
    blocked_at: datetime
    reason: str
    sequence: int | None
    waiting: int


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """What has not been published yet; rows of blocked keys are counted in `waiting` too."""

    waiting: int
    oldest_age: timedelta
    blocked: tuple[BlockedKey, ...]


class NotBlocked(NotFound):
    """The key {key} of the topic {topic} is not blocked."""


async def status(conn: Connection) -> OutboxStatus:
    """The outbox as an operator sees it."""
    [row] = await conn.fetch(
        """
        select count(*) as waiting,
               coalesce(greatest(now() - min(appended_at), interval '0'), interval '0') as age
        from outbox where published_at is null and quarantined_at is null
        """
    )
    return OutboxStatus(row["waiting"], row["age"], tuple(await blocked_keys(conn)))


async def blocked_keys(conn: Connection) -> list[BlockedKey]:
    """All blocked keys, longest blocked first."""
    rows = await conn.fetch(
        """
        select counter.topic, counter.key, counter.blocked_at,
               coalesce(counter.blocked_reason, '') as reason,
               min(fact.sequence) as sequence, count(fact.sequence) as waiting
        from outbox_counters counter
        left join outbox fact
          on fact.topic = counter.topic and fact.key = counter.key
         and fact.published_at is null and fact.quarantined_at is null
        where counter.blocked_at is not null
        group by counter.topic, counter.key, counter.blocked_at, counter.blocked_reason
        order by counter.blocked_at
        """
    )
    return [BlockedKey(**dict(row)) for row in rows]


async def release(conn: Connection, topic: str, key: str, *, operator: str, reason: str) -> None:
    """Let the relay try the key again from its lowest unpublished record.

    Raises:
        NotBlocked: nothing was changed.
    """
    await _release(conn, topic, key)
    await audit.record(
        conn, operator=operator, command="outbox release", subject=f"{topic} {key}", reason=reason
    )


async def quarantine(conn: Connection, topic: str, key: str, *, operator: str, reason: str) -> int:
    """Set the refused record aside for ever and let the rest of the key go on.

    Returns the sequence that consumers will miss.

    Raises:
        NotBlocked: nothing was changed.
    """
    await _release(conn, topic, key)
    sequence = await conn.fetchval(QUARANTINE, topic, key)
    if sequence is None:
        raise NotBlocked(topic=topic, key=key)
    await audit.record(
        conn,
        operator=operator,
        command="outbox quarantine",
        subject=f"{topic} {key} {sequence}",
        reason=reason,
    )
    return int(sequence)


async def _release(conn: Connection, topic: str, key: str) -> None:
    released = await conn.fetchval(
        """
        update outbox_counters set blocked_at = null, blocked_reason = null
        where topic = $1 and key = $2 and blocked_at is not null returning true
        """,
        topic,
        key,
    )
    if not released:
        raise NotBlocked(topic=topic, key=key)
