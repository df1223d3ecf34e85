"""Backing: where the PostgreSQL and the Kafka for tests listen."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Backing:
    """A PostgreSQL as its superuser and a Kafka; tests share them and keep apart by names.

    `kafka_data` is where Kafka's files lie, if it runs on this machine.
    """

    postgres_url: str
    kafka_servers: str
    kafka_data: Path | None = None
