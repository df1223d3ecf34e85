"""Erasure: the outbox forgets what it holds about keys that are being erased.

For state topics alone: there gaps are normal, and the tombstone that follows
replaces whatever was said before. Events are kept for ever and hold no
personal data. What other services have parked they scrub when the tombstone
reaches them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from samband_contracts.topics import Topic

    from samband_kit.database import Connection

# The order in which every writer of several keys takes their locks.
_LOCK = """
select from outbox_counters where topic = $1 and key = any($2::text[])
order by key collate "C" for update
"""

# What was refused is among the rows that go, so nothing is left to decide about.
_UNBLOCK = """
update outbox_counters set blocked_at = null, blocked_reason = null
where topic = $1 and key = any($2::text[]) and blocked_at is not null
"""

# Lowest position first, as the relay marks rows: neither can deadlock with the
# other. The topic stands in the text, so that an index on its rows can be used.
_DELETE = """
with held as materialized (
    select position from outbox where topic = '{topic}' and key = any($1::text[])
    order by position for update)
delete from outbox using held where outbox.position = held.position
"""


async def forget(conn: Connection, topic: Topic, keys: Collection[str]) -> None:
    """Delete the rows of these keys, sent or not, in the caller's transaction.

    Append the tombstones afterwards, in the same transaction. A row that the
    relay has in hand may still reach Kafka, but the tombstone comes after it:
    the relay sends a key's rows one after another.

    Raises:
        ValueError: the topic keeps every event.
    """
    if not topic.is_state:
        raise ValueError(f"{topic.name} keeps every event")
    wanted = list(keys)
    await conn.execute(_LOCK, topic.name, wanted)
    await conn.execute(_UNBLOCK, topic.name, wanted)
    await conn.execute(_DELETE.format(topic=topic.name), wanted)
