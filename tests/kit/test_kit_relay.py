"""The relay: in order, at least once, one at work, and nobody waits for a refused record."""

from __future__ import annotations

import asyncio

import asyncpg
from samband_contracts.topics import MEETINGS, NETWORKS
from samband_kit import database, outbox
from samband_kit.correlation import correlated
from samband_kit.ids import new_id
from samband_kit.relay import store
from samband_kit.testing import (
    Backing,
    admin_url,
    create_topics,
    eventually,
    read_events,
    service_settings,
)

from tests.kit.outboxes import (
    Writer,
    arrived,
    by_key,
    ends_the_lock_session,
    in_order_at_least_once,
    opened,
    relay,
    say,
    writer,
)


async def test_facts_arrive_complete_in_order_and_are_marked(backing: Backing) -> None:
    async with writer(backing) as service, relay(service) as running:
        keys = [new_id() for _ in range(5)]
        story = new_id()
        with correlated(story):
            await say(service.pool, keys, rounds=4)
        await service.drained()
        events = await read_events(service.settings, NETWORKS)
        assert by_key(events) == {str(key): [1, 2, 3, 4] for key in keys}
        assert {event.correlation_id for event in events} == {story}
        assert {event.source for event in events} == {"urn:samband:networks"}
        assert {event.data for event in events} == {opened(key) for key in keys}
        assert running.value("published_total", topic=NETWORKS.name) == 20
        assert running.value("relay_active") == 1


async def test_a_relay_tells_when_it_last_saw_the_outbox(backing: Backing) -> None:
    async with writer(backing) as service, relay(service) as running:
        began = running.value("measured_timestamp_seconds")
        await eventually(lambda: running.value("measured_timestamp_seconds") > began)


async def test_a_woken_relay_publishes_at_once(backing: Backing) -> None:
    async with writer(backing) as service, relay(service):
        await say(service.pool, [new_id()])
        await service.drained()
        # Long enough for the poll to have become slow.
        await asyncio.sleep(1.5)
        took = []
        for _ in range(5):
            await asyncio.sleep(0.3)
            started = asyncio.get_running_loop().time()
            await say(service.pool, [new_id()])
            await service.drained()
            took.append(asyncio.get_running_loop().time() - started)
        assert sorted(took)[2] < 0.2


async def test_a_fact_that_commits_late_is_not_passed_over(backing: Backing) -> None:
    async with writer(backing) as service, relay(service):
        late, early = new_id(), new_id()
        async with service.pool.acquire() as conn:
            transaction = conn.transaction()
            await transaction.start()
            await outbox.append(conn, [opened(late)])
            await say(service.pool, [early], rounds=3)
            await eventually(lambda: arrived_count(service, 3))
            await transaction.commit()
        await service.drained()
        assert await arrived(service.settings) == {str(late): [1], str(early): [1, 2, 3]}


async def arrived_count(service: Writer, count: int) -> bool:
    return len(await read_events(service.settings, NETWORKS)) == count


async def test_a_planned_stop_in_the_middle_sends_nothing_twice(backing: Backing) -> None:
    async with writer(backing) as service:
        keys = [new_id() for _ in range(50)]
        await say(service.pool, keys, rounds=120)
        for _ in range(3):
            async with relay(service, batch_rows=100) as running:
                await eventually(running.has_published)
            assert await service.waiting() > 0
        async with relay(service):
            await service.drained()
        assert await arrived(service.settings) == {str(key): list(range(1, 121)) for key in keys}


async def test_one_of_two_relays_is_at_work_and_the_other_takes_over(backing: Backing) -> None:
    async with writer(backing) as service:
        keys = [new_id() for _ in range(5)]
        async with relay(service) as first:
            await eventually(lambda: first.value("relay_active") == 1)
            async with relay(service) as second:
                await say(service.pool, keys, rounds=3)
                await service.drained()
                assert second.value("relay_active") == 0
                assert second.value("published_total", topic=NETWORKS.name) == 0
                await first.end()
                await eventually(lambda: second.value("relay_active") == 1)
                await say(service.pool, keys, rounds=3)
                await service.drained()
                assert second.value("published_total", topic=NETWORKS.name) == 15
        assert await arrived(service.settings) == {str(key): list(range(1, 7)) for key in keys}


async def test_a_relay_whose_lock_session_is_ended_stops_and_the_standby_goes_on(
    backing: Backing,
) -> None:
    async with writer(backing) as service:
        keys = [new_id() for _ in range(20)]
        admin = await asyncpg.connect(admin_url(backing, service.settings))
        try:
            async with relay(service) as first, relay(service) as second:
                for _ in range(3):
                    saying = asyncio.create_task(say(service.pool, keys, rounds=40))
                    await asyncio.sleep(0.1)
                    await eventually(lambda: ends_the_lock_session(admin))
                    await saying
                await service.drained()
                sent = [
                    each.value("published_total", topic=NETWORKS.name) for each in (first, second)
                ]
                assert sum(sent) >= 20 * 40 * 3
        finally:
            await admin.close()
        found = await arrived(service.settings)
        assert set(found) == {str(key) for key in keys}
        assert all(in_order_at_least_once(sequences, 120) for sequences in found.values())


async def test_a_relay_survives_that_postgres_ends_all_its_connections(backing: Backing) -> None:
    async with writer(backing) as service, relay(service):
        key = new_id()
        admin = await asyncpg.connect(admin_url(backing, service.settings))
        try:
            for _ in range(3):
                await say(service.pool, [key])
                await service.drained()
                await admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
                await asyncio.sleep(0.1)
        finally:
            await admin.close()
        await say(service.pool, [key])
        await service.drained()
        assert in_order_at_least_once((await arrived(service.settings))[str(key)], 4)


async def test_what_waits_is_found_by_the_small_index_however_large_the_table(
    backing: Backing,
) -> None:
    async with writer(backing, topics=()) as service:
        await service.pool.execute(
            """
            insert into outbox (topic, key, sequence, event_id, event_type, headers, published_at)
            select 't', 'k' || i % 100, i, gen_random_uuid(), 'x', '{}',
                   case when i % 500 > 0 then now() end
            from generate_series(1, 20000) i
            """
        )
        async with service.pool.acquire() as conn:
            await store.prepare(conn)
            for statement, arguments in (
                (store.WAITING, (1000, [1, 2], ["other"], 1_000_000, 500)),
                (store.MARK, ([500, 1000],)),
            ):
                plan = await conn.fetch(f"explain {statement}", *arguments)
                text = "\n".join(row[0] for row in plan)
                assert "outbox_waiting" in text
                assert "Seq Scan on outbox" not in text
                assert "Sort" not in text


async def test_facts_of_a_missing_topic_wait_while_others_flow(backing: Backing) -> None:
    async with writer(backing) as service:
        key = new_id()
        await say(service.pool, [key])
        await service.pool.execute("update outbox set topic = $1", MEETINGS.name)
        async with relay(service) as running:
            await say(service.pool, [key, new_id()])
            await eventually(lambda: service.has_waiting(1), 20)
            await create_topics(service.settings, [MEETINGS])
            await service.drained(20)
            # Nothing of it ever left, so whoever sends has lost nothing either.
            assert running.value("producer_rebuilds_total") == 0


async def test_a_relay_that_finds_no_kafka_stops_when_told(backing: Backing) -> None:
    async with service_settings(backing, "samband_kit") as settings:
        nowhere = settings.model_copy(update={"kafka_servers": "127.0.0.1:1"})
        pool = await database.open_pool(settings)
        try:
            service = Writer(nowhere, pool)
            async with relay(service) as running:
                await say(pool, [new_id()])
                await eventually(lambda: running.value("producer_rebuilds_total") >= 2)
                assert await service.waiting() == 1
        finally:
            await pool.close()
