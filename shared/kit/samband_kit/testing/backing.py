"""Where the PostgreSQL and the Kafka that tests run on can be reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backing:
    """A running PostgreSQL (as its administrator) and a running Kafka."""

    postgres_url: str
    kafka_servers: str
