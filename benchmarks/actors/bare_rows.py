"""Bare rows: the limit of a registration.

Writes the rows that registrations consist of, those of each in a transaction
of its own with one statement a table; nothing is checked, decided or rendered.
Answers how many registrations a second.

    SAMBAND_DATABASE_URL=… python -m benchmarks.actors.bare_rows CONNECTIONS FILE
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import uvloop
from samband_kit.database import SERVER_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from samband_kit.settings import Settings

Insert: TypeAlias = "tuple[str, Sequence[Any]]"
"""A statement and its values."""

_CONTACTS = "select contact_id from registration_contacts where registration_id = $1"
_KEYS = f"select $1::uuid::text union all select contact_id::text from ({_CONTACTS}) contact"
# The rows of one registration, in an order that foreign keys allow.
_OWN = {
    "registrations": "registration_id = $1",
    "contacts": f"contact_id in ({_CONTACTS})",
    "registration_contacts": "registration_id = $1",
    "registration_history": "registration_id = $1",
    "outbox_counters": f"key in ({_KEYS})",
    "outbox": f"key in ({_KEYS})",
}
# Rows that do not say whose they are. Every form spends a nonce and has a key, and of the limits
# one for its network and one for its address; the one for everybody has been there all the time.
# They are taken out, so that whoever reads again finds new ones.
_LOOSE = {
    "spent_nonces": ("nonce like 'form:%'", 1),
    "idempotency_keys": ("key like 'submit:%'", 1),
    "rate_limits": ("bucket like 'register-interest:%'", 2),
}


async def read(settings: Settings) -> list[list[Insert]]:
    """The rows that each registration consists of that was made since the last reading."""
    conn = await asyncpg.connect(
        settings.database_url.get_secret_value(), server_settings=SERVER_SETTINGS
    )
    try:
        loose = {
            table: await conn.fetch(f"delete from {table} where {mark} returning *")
            for table, (mark, _) in _LOOSE.items()
        }
        newest = await conn.fetch(
            "select registration_id from registrations order by received_at desc limit $1",
            len(loose["idempotency_keys"]),
        )
        return [
            [
                *(
                    _insert(table, loose[table][number * each : (number + 1) * each])
                    for table, (_, each) in _LOOSE.items()
                ),
                *[
                    _insert(table, await conn.fetch(f"select * from {table} where {own}", id_))
                    for table, own in _OWN.items()
                ],
            ]
            for number, (id_,) in enumerate(newest)
        ]
    finally:
        await conn.close()


def _insert(table: str, rows: Sequence[asyncpg.Record]) -> Insert:
    # The outbox's numbers are the database's own.
    columns = [
        name
        for name in rows[0].keys()  # noqa: SIM118 - iterating a record gives its values
        if (table, name) != ("outbox", "position")
    ]
    width = len(columns)
    places = ", ".join(
        "(" + ", ".join(f"${number * width + place + 1}" for place in range(width)) + ")"
        for number in range(len(rows))
    )
    return (
        f"insert into {table} ({', '.join(columns)}) values {places}",
        [row[name] for row in rows for name in columns],
    )


async def _write(url: str, connections: int, registrations: Sequence[list[Insert]]) -> float:
    conns = [
        await asyncpg.connect(url, server_settings=SERVER_SETTINGS) for _ in range(connections)
    ]
    waiting = iter(registrations)
    began = time.perf_counter()
    await asyncio.gather(*(_empty(conn, waiting) for conn in conns))
    took = time.perf_counter() - began
    for conn in conns:
        await conn.close()
    return len(registrations) / took


async def _empty(conn: asyncpg.Connection[asyncpg.Record], waiting: Iterator[list[Insert]]) -> None:
    for inserts in waiting:
        async with conn.transaction():
            for statement, values in inserts:
                await conn.execute(statement, *values)


if __name__ == "__main__":
    rows = pickle.loads(Path(sys.argv[2]).read_bytes())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(_write(os.environ["SAMBAND_DATABASE_URL"], int(sys.argv[1]), rows)))
