"""Backing: where the PostgreSQL and the Kafka for tests listen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backing:
    """A PostgreSQL as its superuser and a Kafka; tests share them and keep apart by names."""

    postgres_url: str
    kafka_servers: str
