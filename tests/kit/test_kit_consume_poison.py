"""Records that nobody can apply: each is parked, and nobody waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c
from samband_contracts.kafka import to_headers, to_value
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS
from samband_kit.ids import new_id
from samband_kit.kafka import partition_of
from samband_kit.service import Kind
from samband_kit.testing import (
    Facts,
    create_topics,
    eventually,
    publish_raw,
    running,
    service_settings,
)
from samband_kit.topics import physical

from tests.kit.consuming import counted, listening, make_table
from tests.kit.effects import Listener, effects, joined, parked_as, said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_contracts.event import CloudEvent
    from samband_kit.settings import Settings
    from samband_kit.testing import Backing


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with service_settings(backing, "samband_kit") as settings:
        await make_table(settings)
        yield settings


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
        broken("NUL in a text", b'{"membership_id": "\\u0000"}'),
        broken(
            "NUL in a field name", b'{"organisation": {"country": "\\u0000", "kind": "\\u0000"}}'
        ),
        misled("null header", id=None),
        misled("header whose name has a NUL", **{"i\0d": b"1", "time": b"\0"}),
        misled("header whose name is a NUL", **{"\0": b"x", "sequence": b"\0"}),
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


async def test_a_record_is_read_in_every_compression(config: Settings) -> None:
    async with running(listening(Listener()), config, Kind.CONSUME) as service:
        for compression in ("gzip", "snappy", "lz4", "zstd"):
            producer = AIOKafkaProducer(
                bootstrap_servers=config.kafka_servers, compression_type=compression
            )
            await producer.start()
            event = said(joined(new_id()), 1)
            await producer.send_and_wait(
                physical(config.kafka_prefix, MEMBERSHIPS),
                key=event.subject.encode(),
                value=to_value(event.data),
                headers=to_headers(event),
            )
            await producer.stop()
        await eventually(lambda: counted(service)["applied"] == 4)


class Misnamed:
    """A batch of one record whose header has a name that is not UTF-8."""

    def __init__(self, event: CloudEvent[Any]) -> None:
        self._builder = BatchBuilder(16_000, 0)
        self._builder.append(
            timestamp=None,
            key=event.subject.encode(),
            value=to_value(event.data),
            headers=[*to_headers(event), ("misnamed", b"x")],
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._builder, name)

    def _build(self) -> bytes:
        built = bytes(self._builder._build())
        built = built.replace(b"misnamed", b"\xff\xfe\xfdnamed")
        # The checksum stands before what it covers.
        return built[:17] + calc_crc32c(built[21:]).to_bytes(4, "big") + built[21:]


async def publish_misnamed(config: Settings, partition: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=config.kafka_servers)
    await producer.start()
    name = physical(config.kafka_prefix, MEMBERSHIPS)
    await producer.partitions_for(name)
    sent = await producer.send_batch(Misnamed(said(joined(new_id()), 1)), name, partition=partition)
    await sent
    await producer.stop()


async def test_a_record_that_cannot_be_decoded_costs_no_other_partition_a_record(
    config: Settings,
) -> None:
    facts = Facts(config)
    before, healthy = [new_id() for _ in range(60)], [new_id() for _ in range(60)]
    await create_topics(config, [MEMBERSHIPS, CONTACT_STATE])
    # All of it lies there when the first poll comes.
    await facts.publish(*(joined(key) for key in before))
    for partition in (3, 7):
        await publish_misnamed(config, partition)
    async with running(listening(Listener()), config, Kind.CONSUME) as service:

        async def applied_but_behind() -> bool:
            assert len(await effects(service.pool)) == len(before) + len(elsewhere)
            return True

        elsewhere: list[Any] = []
        await eventually(applied_but_behind)
        elsewhere = [
            key for key in healthy if partition_of(str(key), MEMBERSHIPS.partitions) not in (3, 7)
        ]
        await facts.publish(*(joined(key) for key in healthy))
        await eventually(applied_but_behind)
        await eventually(
            lambda: (
                service.metric("samband_lag_records", topic=MEMBERSHIPS.name)
                == 2 + len(healthy) - len(elsewhere)
            ),
            20,
        )
