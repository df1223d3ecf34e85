"""Topics: the job that makes Kafka's topics what the contracts say.

It creates what is missing and adds partitions; it refuses to go on where
there are more partitions than declared or another cleanup policy, because
either would break the order of keys or the promise to keep events.
"""

from collections.abc import Sequence

from samband_contracts.topics import ALL, Topic

from samband_kit.settings import Settings


class TopicsRefused(Exception):
    """Kafka's topics are not what the contracts say; the message names each difference."""


def physical(prefix: str, topic: Topic) -> str:
    """The topic's name on the cluster."""
    return prefix + topic.name


def group(prefix: str, service: str, topic: Topic) -> str:
    """The consumer group of a service on a topic: `samband.networks.internal.registrations`."""
    return f"{prefix}samband.{service}.{topic.name.removeprefix('samband.')}"


async def ensure_topics(settings: Settings, topics: Sequence[Topic] = ALL) -> list[str]:
    """Create and extend topics as needed; returns a sentence for each change.

    Raises:
        TopicsRefused: a topic is not what it should be and cannot be made so;
            the others are in order.
    """
    raise NotImplementedError
