"""Floor: where the relay may begin to look for rows that wait.

Looking from the very beginning is always right, but Postgres keeps entries of
published rows in the index for as long as anybody, a backup say, might still
look at them; after a million of them each look costs seconds. So the relay
begins at a floor below which nothing can be waiting or still turn up.

That "still turn up" is the point: positions are drawn before they commit, so
a lower one may become visible after a higher one. A floor therefore rises
only in two steps. First it is noted how far positions have been drawn, and
which transactions had begun by then. When all of those have ended, everything
up to the noted position is either visible or will never be, and the floor
rises to the lowest row that waits, or past the noted position.

It is forgotten every now and then, because an operator may have published
rows sent again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samband_kit.database import Connection

FORGET_SECONDS = 30.0

_DRAWN = """
select coalesce(pg_sequence_last_value(pg_get_serial_sequence('outbox', 'position')::regclass), 0)
"""

# A transaction id of our own is the only one that is above all that have been given: a
# snapshot's xmax is the one after the last that *ended*.
_BEGUN = "select pg_current_xact_id()::text"

_RISE = """
select pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8 as ended,
       (select min(position) from outbox
        where published_at is null and quarantined_at is null and position >= $2) as lowest
"""


@dataclass(frozen=True, slots=True)
class _Note:
    drawn: int
    begun: str


class Floor:
    """The floor of one relay while it leads."""

    def __init__(self) -> None:
        self.position = 0
        self._note: _Note | None = None
        self._last = 0.0
        self._forgotten = time.monotonic()

    async def rise(self, conn: Connection, *, every: float = 0.0) -> None:
        """Take the next step, if it can be taken and the last one was `every` seconds ago."""
        now = time.monotonic()
        if now - self._last < every:
            return
        self._last = now
        if now - self._forgotten > FORGET_SECONDS:
            self.position = 0
            self._forgotten = now
        if self._note is None:
            # In this order, in two statements: a writer gets its transaction id from the
            # counter before it draws a position, so who drew one of these has begun by now.
            drawn = await conn.fetchval(_DRAWN)
            self._note = _Note(drawn, await conn.fetchval(_BEGUN))
            return
        [row] = await conn.fetch(_RISE, self._note.begun, self.position)
        if row["ended"]:
            beyond = self._note.drawn + 1
            self.position = beyond if row["lowest"] is None else min(row["lowest"], beyond)
            self._note = None
