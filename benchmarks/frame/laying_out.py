"""Laying out topics: what a service expects to find in Kafka before it starts.

A service finds not only what it reads. The facts that its jobs announce, as
soon as it runs, need their topics too: a relay without one stops for a second
to ask for it, now and then, and is not the idle system that is to be measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_contracts.topics import ALL
from samband_kit import topics

if TYPE_CHECKING:
    from samband_kit.service import Service
    from samband_kit.settings import Settings


async def lay_out(settings: Settings, *services: Service) -> None:
    """Create the topics that these services own or read."""
    names = {service.name for service in services}
    read = {reaction.topic.name for service in services for reaction in service.reactions}
    wanted = [topic for topic in ALL if topic.owner in names or topic.name in read]
    await topics.ensure_topics(settings, wanted)
