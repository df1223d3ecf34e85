"""What befalls a topic, and the operator who holds its log against the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_contracts.topics import NETWORKS
from samband_kit import database, kafka, outbox, topics
from samband_kit.service import Service
from samband_kit.settings import Settings
from samband_kit.testing import create_topics, eventually

from tests.kit.at_the_keyboard import invoke
from tests.kit.outboxes import relay

if TYPE_CHECKING:
    from samband_contracts.event import Event
    from samband_contracts.topics import Topic
    from typer.testing import Result

    from tests.kit.outboxes import Writer


def owner(name: str) -> Service:
    """A service that owns the topics of its namesake."""
    return Service(name=name, package="samband_kit", settings=Settings, reactions=(), web=None)


async def ask(of: Writer, *words: str, topic: Topic = NETWORKS) -> Result:
    """`reconcile` for one topic."""
    command = ["reconcile", "--topic", topic.name, "--reason", "a disk was lost"]
    return await invoke(of.settings, owner(topic.owner), *command, *words)


async def remove(of: Writer, topic: Topic) -> None:
    """The topic is gone from Kafka with all that it held."""
    name = topics.physical(of.settings.kafka_prefix, topic)
    async with kafka.Administration(of.settings.kafka) as administration:
        await administration.delete([name])

        async def is_gone() -> bool:
            return name not in await administration.names()

        await eventually(is_gone, 30)


async def lose(of: Writer, topic: Topic) -> None:
    """The topic is gone, and made anew: empty."""
    await remove(of, topic)
    await create_topics(of.settings, [topic])


async def append(of: Writer, *events: Event) -> None:
    """Write the events down in one transaction."""
    async with database.transaction(of.pool) as conn:
        await outbox.append(conn, list(events))


async def publish(of: Writer) -> None:
    """Let a relay work until everything is in Kafka."""
    async with relay(of):
        await of.drained()
