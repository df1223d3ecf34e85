"""Positions: how far each key of each topic has been applied here.

A position is written in the transaction of the effects it stands for, under a
lock that lasts until that transaction ends. That is what makes effects happen
once, whoever reads a record how often and when: there is no time window.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from samband_kit.database import Connection

# Missing rows first, so that there is something to lock; what was missing is locked by
# having been inserted, and nothing of it can be parked. Both statements go through the keys
# in the same order, so two readers of the same keys wait for each other instead of deadlocking.
_BEGIN = """
insert into positions (topic, key, last_sequence, last_event_id)
select $1, key, sequence, event_id
from unnest($2::text[], $3::bigint[], $4::uuid[]) as batch (key, sequence, event_id)
on conflict do nothing
returning key
"""

_LOCK = """
select position.key, position.last_sequence, position.last_event_id,
       (select max(sequence) from parked
        where parked.topic = position.topic and parked.key = position.key
          and parked.sequence >= position.last_sequence
          and parked.skipped_at is null) as parked_up_to
from positions position
where position.topic = $1 and position.key = any($2::text[])
order by position.key
for update of position
"""

# An upsert, though every row exists: it can only go key by key through the
# index, while an update may be planned as a scan of the whole topic.
_ADVANCE = """
insert into positions (topic, key, last_sequence, last_event_id)
select $1, key, sequence, event_id
from unnest($2::text[], $3::bigint[], $4::uuid[]) as reached (key, sequence, event_id)
on conflict (topic, key) do update
  set last_sequence = excluded.last_sequence, last_event_id = excluded.last_event_id
"""


@dataclass(slots=True)
class Position:
    """The last applied event of a key; `parked_up_to` the highest parked one from there on."""

    sequence: int = 0
    event_id: UUID | None = None
    parked_up_to: int | None = None


class Standing(dict[str, Position]):
    """How far keys have been applied; new keys stand at 0.

    `begun` is what the rows of new keys say already. This transaction has to
    make it true, or to tell `advance`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begun: dict[str, Position] = {}


_AT_ZERO = Position()


async def lock(
    conn: Connection,
    topic: str,
    keys: Iterable[str],
    hoped: Mapping[str, Position] = MappingProxyType({}),
) -> Standing:
    """The positions of `keys`, locked until the transaction ends.

    The rows of new keys are written as `hoped`: where this transaction will
    bring them if all goes well. It saves writing each of them twice, which a
    newcomer who reads a log from its beginning would do for most of its keys.
    """
    standing = Standing()
    wanted = sorted(set(keys))
    if not wanted:
        return standing
    rows = {key: hoped.get(key, _AT_ZERO) for key in wanted}
    for (key,) in await conn.fetch(_BEGIN, topic, *_columns(rows)):
        standing[key] = Position()
        standing.begun[key] = rows[key]
    known = [key for key in wanted if key not in standing]
    if known:
        for key, sequence, event_id, parked in await conn.fetch(_LOCK, topic, known):
            standing[key] = Position(sequence, event_id, parked)
    return standing


async def advance(
    conn: Connection,
    topic: str,
    reached: Mapping[str, Position],
    begun: Mapping[str, Position] = MappingProxyType({}),
) -> None:
    """Write how far keys have come. Their positions are locked by this transaction.

    `begun` is what `lock` has written: a new key that has not come there is put right.
    """
    rows = {key: position for key, position in reached.items() if begun.get(key) != position}
    rows |= {key: _AT_ZERO for key in begun.keys() - reached.keys() if begun[key] != _AT_ZERO}
    if rows:
        await conn.execute(_ADVANCE, topic, *_columns(rows))


def _columns(rows: Mapping[str, Position]) -> tuple[list[str], list[int], list[UUID | None]]:
    return (
        list(rows),
        [position.sequence for position in rows.values()],
        [position.event_id for position in rows.values()],
    )
