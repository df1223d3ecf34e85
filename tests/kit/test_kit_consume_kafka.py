"""Consuming from a real Kafka: poison, outages, restarts, stops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from samband_contracts.kafka import to_headers, to_value
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS
from samband_kit.ids import new_id
from samband_kit.service import Kind, Service
from samband_kit.settings import Settings
from samband_kit.testing import (
    Facts,
    admin_url,
    eventually,
    publish_raw,
    read_topic,
    running,
    service_settings,
)

from tests.kit.effects import (
    TABLE,
    Listener,
    described,
    effects,
    joined,
    left,
    parked_as,
    said,
    story,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from samband_contracts.event import CloudEvent
    from samband_kit.testing import Backing, RunningService

OUTCOMES = ("applied", "duplicate", "parked", "ignored")


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with service_settings(backing, "samband_kit") as settings:
        conn = await asyncpg.connect(settings.database_url.get_secret_value())
        await conn.execute(TABLE)
        await conn.close()
        yield settings


def listening(listener: Listener) -> Service:
    return Service(
        name="listener",
        package="samband_kit",
        settings=Settings,
        reactions=(listener.memberships, listener.contacts),
        web=None,
    )


def counted(service: RunningService) -> dict[str, int]:
    return {
        outcome: int(
            sum(
                service.metric("samband_records_total", topic=topic.name, outcome=outcome)
                for topic in (MEMBERSHIPS, CONTACT_STATE)
            )
        )
        for outcome in OUTCOMES
    }


async def lies_in_kafka(settings: Settings) -> int:
    return len(await read_topic(settings, MEMBERSHIPS)) + len(
        await read_topic(settings, CONTACT_STATE)
    )


def with_header(event: CloudEvent[Any], **changed: bytes | None) -> list[tuple[str, bytes | None]]:
    headers: dict[str, bytes | None] = dict(to_headers(event))
    headers.update({f"ce_{name}": value for name, value in changed.items()})
    return list(headers.items())


def deep(depth: int) -> bytes:
    return b'{"membership_id":' + b"[" * depth + b"]" * depth + b"}"


def poison() -> list[tuple[str, bytes | None, list[tuple[str, bytes | None]], bytes | None]]:
    """Name, key, headers, value of records that nobody can apply."""

    def event() -> CloudEvent[Any]:
        return said(joined(new_id()), 1)

    def broken(name: str, value: bytes | None) -> Any:
        one = event()
        return name, one.subject.encode(), to_headers(one), value

    def misled(name: str, **changed: bytes | None) -> Any:
        one = event()
        return name, one.subject.encode(), with_header(one, **changed), to_value(one.data)

    one = event()
    return [
        ("nothing at all", None, [], None),
        ("null key", None, list(to_headers(one)), to_value(one.data)),
        ("another's key", str(new_id()).encode(), list(to_headers(one)), to_value(one.data)),
        ("key that is no text", b"\xff\xfe", list(to_headers(one)), to_value(one.data)),
        ("key with a NUL", b"a\0b", with_header(one, type=b"se.icld.x.y.v1"), b"{}"),
        ("enormous key", b"k" * 5000, with_header(one, type=b"se.icld.x.y.v1"), b"{}"),
        broken("null value", None),
        broken("empty value", b""),
        broken("broken JSON", b"{"),
        broken("no object", b"[1]"),
        broken("not a number", b'{"membership_id": NaN}'),
        broken("huge number", b'{"membership_id": ' + b"9" * 5000 + b"}"),
        broken("deep nesting", deep(10_000)),
        broken("not UTF-8", b'{"membership_id": "\xff"}'),
        broken("large", b'{"x": "' + b"y" * 900_000 + b'"}'),
        misled("null header", id=None),
        misled("header that is no UTF-8", time=b"\xff"),
        misled("no sequence", sequence=None),
        misled("sequence 0", sequence=b"0"),
        misled("negative sequence", sequence=b"-1"),
        misled("endless sequence", sequence=b"9" * 30),
        misled("sequence in other digits", sequence="٣".encode()),
        misled("foreign source", source=b"urn:samber:networks"),
        misled("time without offset", time=b"2026-01-01T00:00:00"),
        misled("asks for a reply", id=b"x", reply_to=b"samband.public.networks"),
        ("many headers", b"k", [(f"h{n}", b"v") for n in range(10_000)], b"{}"),
        ("doubled header", b"k", [("ce_id", b"1"), ("ce_id", b"2")], b"{}"),
    ]


async def test_poison_is_parked_record_by_record_and_stops_nobody(config: Settings) -> None:
    listener = Listener()
    async with running(listening(listener), config, Kind.CONSUME) as service:
        facts = Facts(config)
        for _name, key, headers, value in poison():
            await publish_raw(
                config, MEMBERSHIPS, key=key, value=value, headers=headers, partition=5
            )
        healthy = [new_id() for _ in range(20)]
        await facts.publish(*(joined(key) for key in healthy))
        await facts.applied(service.pool)

        async def all_ended() -> bool:
            assert sum(counted(service).values()) == len(poison()) + len(healthy)
            return True

        await eventually(all_ended)
        assert counted(service) == {
            "applied": len(healthy),
            "duplicate": 0,
            "parked": len(poison()),
            "ignored": 0,
        }
        assert len(await effects(service.pool)) == len(healthy)
        reasons = {reason for _, reason in await parked_as(service.pool)}
        assert reasons == {"unparsable"}


async def test_a_key_that_always_fails_is_parked_while_others_go_on(config: Settings) -> None:
    bad = new_id()
    listener = Listener(broken={str(bad)})
    async with running(listening(listener), config, Kind.CONSUME) as service:
        facts = Facts(config)
        good = [new_id() for _ in range(10)]
        for make in (joined, left):
            await facts.publish(*(make(key) for key in [bad, *good]))

        async def others_done() -> bool:
            assert len(await effects(service.pool)) == 2 * len(good)
            assert [reason for _, reason in await parked_as(service.pool)] == ["failed", "behind"]
            return True

        await eventually(others_done)
        listener.broken = set()
        await service.pool.execute("update parked set next_attempt_at = now() where sequence = 1")
        await facts.applied(service.pool)
        assert await effects(service.pool, bad) == [1, 2]
        assert service.metric("samband_parked_healed_total", topic=MEMBERSHIPS.name) == 2


async def test_events_out_of_order_and_repeated_are_applied_once_in_order(
    config: Settings,
) -> None:
    key = new_id()
    facts = Facts(config)
    [one, two, three] = story(key, 3)
    async with running(listening(Listener()), config, Kind.CONSUME) as service:
        for event in (three, one, one, three, two, two, three, one):
            await facts.publish_as(event)

        async def all_applied() -> bool:
            assert await effects(service.pool, key) == [1, 2, 3]
            assert await parked_as(service.pool) == []
            return True

        await eventually(all_applied)
        await asyncio.sleep(0.2)
        assert await effects(service.pool, key) == [1, 2, 3]


async def test_a_lost_connection_costs_nothing_but_time(backing: Backing, config: Settings) -> None:
    listener = Listener(hold=asyncio.Event())
    facts = Facts(config)
    async with running(listening(listener), config, Kind.CONSUME) as service:
        await facts.publish(*(joined(new_id()) for _ in range(5)))
        admin = await asyncpg.connect(admin_url(backing, config))
        # The batch holds its positions' locks by now; its connection is killed in the middle.
        killed = await eventually(
            lambda: admin.fetchval(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()
                  and state = 'idle in transaction'
                limit 1
                """
            )
        )
        await admin.close()
        assert killed
        assert listener.hold is not None
        listener.hold.set()
        await facts.applied(service.pool)
        assert len(await effects(service.pool)) == 5
        assert await parked_as(service.pool) == []
        assert (
            service.metric(
                "samband_batch_failures_total", topic=MEMBERSHIPS.name, cause="infrastructure"
            )
            >= 1
        )
        assert counted(service)["applied"] == 5


async def test_a_planned_stop_finishes_its_batch_and_nothing_is_read_twice(
    config: Settings,
) -> None:
    facts = Facts(config)
    keys: list[UUID] = []
    seen = dict.fromkeys(OUTCOMES, 0)
    for _round in range(3):
        async with running(listening(Listener()), config, Kind.CONSUME) as service:
            new = [new_id() for _ in range(30)]
            keys += new
            publishing = asyncio.create_task(facts.publish(*(joined(key) for key in new)))
            await eventually(lambda: counted(service)["applied"] > 0)
        for outcome, number in counted(service).items():
            seen[outcome] += number
        await publishing
    async with running(listening(Listener()), config, Kind.CONSUME) as service:
        await facts.applied(service.pool)
        await eventually(lambda: seen["applied"] + counted(service)["applied"] == len(keys))
        assert seen["duplicate"] + counted(service)["duplicate"] == 0
        assert sorted(await effects(service.pool)) == [1] * len(keys)
        assert await lies_in_kafka(config) == len(keys)


async def test_a_group_that_starts_again_repeats_no_effect(config: Settings) -> None:
    facts = Facts(config)
    await_all = [described(new_id()) for _ in range(5)] + [described(new_id())]
    async with running(listening(Listener()), config, Kind.CONSUME) as service:
        await facts.publish(*await_all)
        await facts.applied(service.pool)
    renamed = Service(
        name="listener-again",
        package="samband_kit",
        settings=Settings,
        reactions=(Listener().memberships, Listener().contacts),
        web=None,
    )
    async with running(renamed, config, Kind.CONSUME) as again:
        await eventually(lambda: counted(again)["duplicate"] == len(await_all))
        assert counted(again)["applied"] == 0
        assert len(await effects(again.pool)) == len(await_all)


async def test_two_processes_share_the_work_without_repeating_any(config: Settings) -> None:
    facts = Facts(config)
    async with (
        running(listening(Listener()), config, Kind.CONSUME) as one,
        running(listening(Listener()), config, Kind.CONSUME) as two,
    ):
        await facts.publish(*(joined(new_id()) for _ in range(40)))
        await facts.applied(one.pool)
        await eventually(lambda: counted(one)["applied"] + counted(two)["applied"] == 40)
        assert sorted(await effects(one.pool)) == [1] * 40


async def test_lag_and_the_time_to_the_effect_are_shown(config: Settings) -> None:
    listener = Listener(hold=asyncio.Event())
    facts = Facts(config)
    async with running(listening(listener), config, Kind.CONSUME) as service:
        await facts.publish(*(joined(new_id()) for _ in range(3)))
        await eventually(
            lambda: service.metric("samband_lag_records", topic=MEMBERSHIPS.name) == 3, 20
        )
        assert listener.hold is not None
        listener.hold.set()
        await facts.applied(service.pool)
        await eventually(
            lambda: service.metric("samband_lag_records", topic=MEMBERSHIPS.name) == 0, 20
        )
        assert service.metric("samband_end_to_end_seconds_count", topic=MEMBERSHIPS.name) == 3
        assert (
            service.metric(
                "faststream_received_messages_total",
                app_name="faststream",
                broker="kafka",
                handler=config.kafka_prefix + MEMBERSHIPS.name,
            )
            == 3
        )
