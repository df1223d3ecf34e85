"""Broken: the ledger with one promise's mechanism taken out, to see whether the checks notice.

    BROKEN=cursor python -m tests.faults.broken consume

Each is a mistake that somebody could make with good intentions, and that no
test without faults would show.
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from samband_kit import database
from samband_kit.consumer import consumers, positions
from samband_kit.operating import operator_cli
from samband_kit.relay import sending as chains
from samband_kit.relay import store
from samband_kit.settings import Settings

from tests.faults.ledger import SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from samband_kit.consumer.consumers import Consumers, Reading
    from samband_kit.consumer.positions import Position, Standing
    from samband_kit.consumer.subscriber import Records
    from samband_kit.database import Connection
    from samband_kit.kafka import Producer
    from samband_kit.relay.sending import Sending
    from samband_kit.relay.store import Row

_DROPPED = 50


def cursor() -> None:
    """The relay remembers how far it has come and looks behind that alone: `id > last`."""
    waiting, last = store.waiting, 0

    async def after_the_last(conn: Connection, *, floor: int = 0, **more: Any) -> list[Row]:
        nonlocal last
        rows = await waiting(conn, floor=max(floor, last + 1), **more)
        last = rows[-1]["position"] if rows else last
        return rows

    store.waiting = after_the_last


def commits_first() -> None:
    """The consumer commits the offset when it has read, before anything is applied."""
    on_records = consumers.Consumers._on_records

    async def after_the_commit(self: Consumers, reading: Reading, records: Records) -> None:
        assert reading.consumer is not None
        await reading.consumer.commit()
        await on_records(self, reading, records)

    consumers.Consumers._on_records = after_the_commit  # type: ignore[method-assign]  # that is the break


def position_outside() -> None:
    """Positions are kept in a transaction of their own instead of the effects'."""
    lock, advance = positions.lock, positions.advance

    async def lock_elsewhere(
        conn: Connection,
        topic: str,
        keys: Iterable[str],
        hoped: Mapping[str, Position] = MappingProxyType({}),
    ) -> Standing:
        elsewhere = await database.connect(Settings.read())
        try:
            return await lock(elsewhere, topic, keys, hoped)
        finally:
            await elsewhere.close()

    async def advance_elsewhere(
        conn: Connection,
        topic: str,
        reached: Mapping[str, Position],
        begun: Mapping[str, Position] = MappingProxyType({}),
    ) -> None:
        elsewhere = await database.connect(Settings.read())
        try:
            await advance(elsewhere, topic, reached, begun)
        finally:
            await elsewhere.close()

    positions.lock, positions.advance = lock_elsewhere, advance_elsewhere


def drops_rows() -> None:
    """The relay forgets to send one row in fifty and marks it all the same."""
    send_chain, seen = chains._send_chain, 0

    async def most(
        producer: Producer,
        prefix: str,
        topic: str,
        partition: int,
        rows: list[Row],
        sending: Sending,
    ) -> None:
        nonlocal seen
        kept = []
        for row in rows:
            seen += 1
            if seen % _DROPPED:
                kept.append(row)
            else:
                sending.acknowledged.append(row["position"])
        await send_chain(producer, prefix, topic, partition, kept, sending)

    chains._send_chain = most


BREAKS = {
    "cursor": cursor,
    "commits_first": commits_first,
    "position_outside": position_outside,
    "drops_rows": drops_rows,
}

if __name__ == "__main__":
    BREAKS[os.environ["BROKEN"]]()
    operator_cli(SERVICE)()
