"""A Kafka that lets nobody in without a name, and nobody do what no rule allows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from samband_kit.kafka import Access, Security
from samband_local.kafka import Kafka, KafkaPlan
from samband_local.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADMIN = "admin"
"""Whom no rule binds."""


@contextmanager
def guarded(folder: Path, *names: str) -> Iterator[Kafka]:
    """A guarded Kafka of one's own, which knows `names`, and has no rules yet."""
    port, controller_port = free_ports(2)
    users = {name: password_of(name) for name in (ADMIN, *names)}
    broker = Kafka(KafkaPlan(folder, port, controller_port, folder / "kafka.log", users=users))
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def password_of(name: str) -> str:
    """The password that a principal has."""
    return f"only-for-tests-{name}"


def named(kafka: Kafka, name: str, password: str | None = None) -> dict[str, Any]:
    """The settings of a client that says it is `name`."""
    return {
        "kafka_servers": kafka.plan.servers,
        "kafka_security": Security.SASL_PLAINTEXT,
        "kafka_username": name,
        "kafka_password": SecretStr(password or password_of(name)),
    }


def access(kafka: Kafka, name: str, password: str | None = None) -> Access:
    """What a client that says it is `name` is made from."""
    given = named(kafka, name, password)
    return Access(
        given["kafka_servers"],
        given["kafka_security"],
        given["kafka_username"],
        given["kafka_password"],
    )
