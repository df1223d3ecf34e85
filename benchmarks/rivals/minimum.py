"""The least that carries a fact from one service's commit into another's, and loses none.

`relay` and `consumer` are processes of their own, as in production. The relay
is woken by a notification, reads what is not published, sends it with an
idempotent producer, waits for the acknowledgement and marks it. The consumer
writes position and effect in one transaction and commits the offset after it.
Order, and effects once: yes. Backlogs, refusals, outages of Kafka or Postgres,
poison, gaps, a second relay, metrics: no; it simply ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from samband_kit.ids import new_id
from samband_kit.pauses import pause
from samband_kit.settings import Settings

from benchmarks.rivals.running import run

if TYPE_CHECKING:
    from samband_contracts.event import Event

SCHEMA = """
create table facts (
    position bigint generated always as identity primary key,
    key text not null, headers text not null, value bytea not null, published boolean default false
);
create index facts_waiting on facts (position) where not published;
create table reached (key text primary key, position bigint not null);
create table effects (position bigint primary key, fact jsonb not null);
"""
ADD = "insert into facts (key, headers, value) values ($1, $2, $3) returning position"
TOPIC = "minimum"
CHANNEL = "minimum"
GROUP = "minimum"

_REACH = """
insert into reached as r (key, position) values ($1, $2)
on conflict (key) do update set position = excluded.position where r.position < excluded.position
returning true
"""


def record(event: Event) -> tuple[str, str, bytes]:
    """What to `ADD`: key, headers and value, with the attributes that a consumer needs."""
    headers = [("type", event.TYPE), ("id", str(new_id()))]
    return event.key, json.dumps(headers), event.model_dump_json().encode()


async def _relay(settings: Settings, stop: asyncio.Event) -> None:
    conn = await asyncpg.connect(settings.database_url.get_secret_value())
    woken = asyncio.Event()
    await conn.add_listener(CHANNEL, lambda *_: woken.set())
    producer = AIOKafkaProducer(**settings.kafka.options(), enable_idempotence=True)
    await producer.start()
    try:
        while not stop.is_set():
            rows = await conn.fetch(
                "select position, key, headers, value from facts"
                " where not published order by position limit 500"
            )
            for row in rows:
                headers = [(name, text.encode()) for name, text in json.loads(row["headers"])]
                await producer.send_and_wait(
                    settings.kafka_prefix + TOPIC,
                    row["value"],
                    row["key"].encode(),
                    headers=[*headers, ("position", str(row["position"]).encode())],
                )
            if rows:
                await conn.execute(
                    "update facts set published = true where position = any($1)",
                    [row["position"] for row in rows],
                )
                continue
            await pause(None, stop, woken)
            woken.clear()
    finally:
        await producer.stop()
        await conn.close()


async def _consumer(settings: Settings, stop: asyncio.Event) -> None:
    conn = await asyncpg.connect(settings.database_url.get_secret_value())
    consumer = AIOKafkaConsumer(
        settings.kafka_prefix + TOPIC,
        **settings.kafka.options(),
        group_id=settings.kafka_prefix + GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        while not stop.is_set():
            found = await consumer.getmany(timeout_ms=1000)
            if not found:
                continue
            async with conn.transaction():
                for record in (one for records in found.values() for one in records):
                    position = int(dict(record.headers)["position"])
                    if await conn.fetchval(_REACH, (record.key or b"").decode(), position):
                        await conn.execute(
                            "insert into effects (position, fact) values ($1, $2)",
                            position,
                            (record.value or b"").decode(),
                        )
            await consumer.commit()
    finally:
        await consumer.stop()
        await conn.close()


if __name__ == "__main__":
    run({"relay": _relay, "consumer": _consumer}[sys.argv[1]])
