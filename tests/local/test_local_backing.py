"""The ground that all other tests stand on."""

from __future__ import annotations

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from samband_kit.testing.backing import Backing


async def test_the_backing_is_a_real_postgres_18(backing: Backing) -> None:
    connection = await asyncpg.connect(backing.postgres_url)
    try:
        assert (
            await connection.fetchval("select current_setting('server_version_num')::int / 10000")
            == 18
        )
    finally:
        await connection.close()


async def test_the_backing_is_a_real_kafka_of_one_broker(backing: Backing) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=backing.kafka_servers)
    await admin.start()
    try:
        cluster = await admin.describe_cluster()
        assert len(cluster["brokers"]) == 1
    finally:
        await admin.close()
