"""Kafka as `samband up` runs it: what was acknowledged survives kill -9."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError
from samband_local.kafka import Kafka, KafkaPlan
from samband_local.ports import free_ports
from samband_local.problems import PortTaken

MOST_MB = 300


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    folder = tmp_path_factory.mktemp("with space")
    port, controller_port = free_ports(2)
    broker = Kafka(KafkaPlan(folder / "kafka", port, controller_port, folder / "kafka.log"))
    broker.start()
    yield broker
    broker.stop()


async def produce(servers: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()


async def test_acknowledged_records_survive_kill_minus_nine(kafka: Kafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.plan.servers)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    await produce(kafka.plan.servers, "kept", b"before")
    kafka.kill()
    kafka.start()
    await produce(kafka.plan.servers, "kept", b"after")
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.plan.servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition("kept", 0)])
        records = [await consumer.getone(), await consumer.getone()]
    finally:
        await consumer.stop()
    assert [record.value for record in records] == [b"before", b"after"]


async def test_topics_are_not_made_by_writing_to_them(kafka: Kafka) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.plan.servers, request_timeout_ms=1000)
    await producer.start()
    try:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send_and_wait("never-made", b"x", partition=0)
    finally:
        await producer.stop()


def test_an_idle_broker_stays_below_its_memory_limit(kafka: Kafka) -> None:
    assert kafka.process is not None
    assert psutil.Process(kafka.process.pid).memory_info().rss < MOST_MB * 1024 * 1024


def test_a_taken_port_is_noticed_at_once(kafka: Kafka, tmp_path: Path) -> None:
    other = Kafka(
        KafkaPlan(tmp_path / "kafka", kafka.plan.port, free_ports(1)[0], tmp_path / "kafka.log")
    )
    with pytest.raises(PortTaken, match=rf"^Port {kafka.plan.port} for Kafka"):
        other.start()
    assert other.process is None


def test_a_killed_start_leaves_data_that_the_next_one_can_use(tmp_path: Path) -> None:
    port, controller_port = free_ports(2)
    plan = KafkaPlan(tmp_path / "kafka", port, controller_port, tmp_path / "kafka.log")
    # The folder as a kill in the middle of formatting leaves it.
    (plan.folder / "data.new").mkdir(parents=True)
    (plan.folder / "data.new" / "meta.properties").write_text("version=1")
    broker = Kafka(plan)
    broker.start()
    broker.stop()
    assert [path.name for path in plan.folder.glob("data*")] == ["data"]
