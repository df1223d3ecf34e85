"""Relay: carries the outbox to Kafka, in order, until everything is there."""

import asyncio

from prometheus_client import CollectorRegistry

from samband_kit.settings import Settings


class Relay:
    """The component that publishes a service's outbox; one at work per service, others stand by."""

    name = "relay"

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._registry = registry

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`; survives an unreachable Kafka and Postgres."""
        raise NotImplementedError
