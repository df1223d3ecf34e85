"""Idempotency: the same command twice has one effect and one answer.

The key is written in the command's own transaction, so either both the
effect and the key are there or neither is. A second call with the same key
waits for the first one's transaction and then gets its answer.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from samband_kit.database import Connection, Pool
from samband_kit.errors import Conflict


class KeyReused(Conflict):
    """This has already been sent once, with other content. Load the page again to start over."""


async def once(
    conn: Connection,
    key: str,
    fingerprint: Mapping[str, object],
    answer: Mapping[str, object] | None = None,
) -> dict[str, Any] | None:
    """None when the command is new: do it, then `remember` its answer. Else the stored answer.

    `fingerprint` is what makes two calls the same command: its fields. An
    `answer` that is known beforehand is given here and need not be remembered.
    Call it before any lock is taken, because it may wait.

    Raises:
        KeyReused: the key belongs to a command with another fingerprint.
    """
    digest = _digest(fingerprint)
    fresh = await conn.fetchval(
        """
        insert into idempotency_keys (key, fingerprint, result) values ($1, $2, $3)
        on conflict (key) do nothing returning true
        """,
        key,
        digest,
        None if answer is None else dict(answer),
    )
    if fresh:
        return None
    row = await conn.fetchrow(
        "select fingerprint, result from idempotency_keys where key = $1", key
    )
    if row is None:
        # The key was there a moment ago and has been swept since: an expired one is a new one.
        return await once(conn, key, fingerprint, answer)
    if row["fingerprint"] != digest:
        raise KeyReused
    return row["result"] or {}


async def remember(conn: Connection, key: str, result: Mapping[str, object]) -> None:
    """Store the answer of the command that `once` called new, in the same transaction."""
    await conn.execute("update idempotency_keys set result = $2 where key = $1", key, dict(result))


async def forget(conn: Connection | Pool, age: timedelta) -> int:
    """Delete keys older than `age`; returns how many."""
    gone = await conn.fetch(
        "delete from idempotency_keys where created_at < now() - $1::interval returning 1", age
    )
    return len(gone)


def _digest(fingerprint: Mapping[str, object]) -> bytes:
    text = json.dumps(fingerprint, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
