"""Topics: the job that makes Kafka's topics what the contracts say.

It creates what is missing. It refuses a topic that has other partitions than
declared, or other rules of cleaning, because either breaks the order of keys or
the promise to keep events; only what nobody has written to yet is extended: a
key that moved to a new partition would have left its past, or what a tombstone
is to erase, in the old one. Too few replicas it
only reports: everything works, and moving data is for whoever knows the cluster.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from samband_contracts.topics import ALL, Cleanup, Topic

from samband_kit.kafka import Administration, KafkaUnreachable, was_written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from samband_kit.kafka import TopicDescription
    from samband_kit.settings import KafkaSettings

_REPLICAS = 3
_IN_SYNC = 2
_HOUR_MS = 3_600_000
_TOMBSTONE_DAYS = 30
_VISIBLE_SECONDS = 30


class TopicsRefused(Exception):
    """Kafka's topics are not what the contracts say; the message names each difference."""


def physical(prefix: str, topic: Topic) -> str:
    """The topic's name on the cluster."""
    return prefix + topic.name


def group(prefix: str, service: str, topic: Topic) -> str:
    """The consumer group of a service on a topic: `samband.networks.internal.registrations`."""
    return f"{prefix}samband.{service}.{topic.name.removeprefix('samband.')}"


def configs(topic: Topic) -> dict[str, str]:
    """The configuration that a topic's contract asks for."""
    if topic.cleanup is Cleanup.KEEP:
        return {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    wanted = {"cleanup.policy": "compact"}
    if topic.max_compaction_lag_hours is not None:
        lag = str(topic.max_compaction_lag_hours * _HOUR_MS)
        # Compaction leaves the segment being written alone, so that one must end in time too.
        wanted |= {"max.compaction.lag.ms": lag, "segment.ms": lag}
    if any(event.TOMBSTONE for event in topic.events):
        # A reader that was away for as long still learns what was erased.
        wanted["delete.retention.ms"] = str(_TOMBSTONE_DAYS * 24 * _HOUR_MS)
    return wanted


async def ensure_topics(
    settings: KafkaSettings, topics: Sequence[Topic] = ALL, *, dry_run: bool = False
) -> list[str]:
    """Create topics, and extend empty ones, as needed; returns a sentence for each change and each shortage.

    With `dry_run` nothing is changed, and the sentences say what would be.

    Raises:
        TopicsRefused: a topic is not what it should be and cannot be made so;
            nothing was changed.
        KafkaUnreachable: no broker answered.
    """
    wanted = {physical(settings.kafka_prefix, topic): topic for topic in topics}
    async with Administration(settings.kafka) as kafka:
        present = await kafka.describe(list(wanted))
        differences = [
            sentence
            for name, topic in wanted.items()
            if name in present
            for sentence in _differences(topic, present[name])
        ]
        differences += [
            _too_narrow(topic, present[name])
            for name, topic in wanted.items()
            if name in present
            and present[name].partitions < topic.partitions
            # Asked last: it takes a client of its own.
            and await was_written(settings.kafka, name)
        ]
        if differences:
            raise TopicsRefused("\n".join(differences))
        replicas = min(_REPLICAS, await kafka.brokers())
        done = []
        for name, topic in wanted.items():
            if name not in present:
                if dry_run or await _create(kafka, name, topic, replicas):
                    word = "Would create" if dry_run else "Created"
                    done.append(f"{word} {name} with {topic.partitions} partitions.")
                continue
            if present[name].partitions < topic.partitions:
                if not dry_run:
                    await kafka.extend(name, topic.partitions)
                word = "Would extend" if dry_run else "Extended"
                done.append(
                    f"{word} {name} from {present[name].partitions} to {topic.partitions} partitions."
                )
            done += _shortages(present[name], replicas)
        if not dry_run:
            await _wait_until_there(kafka, wanted)
        return done


async def _create(kafka: Administration, name: str, topic: Topic, replicas: int) -> bool:
    # What is acknowledged is then in two places, as far as there are two.
    in_sync = {"min.insync.replicas": str(min(_IN_SYNC, replicas))}
    return await kafka.create(
        name, partitions=topic.partitions, replicas=replicas, configs=configs(topic) | in_sync
    )


async def _wait_until_there(kafka: Administration, wanted: Mapping[str, Topic]) -> None:
    # Brokers learn of a new topic a little later than the controller that made it.
    deadline = time.monotonic() + _VISIBLE_SECONDS
    while time.monotonic() < deadline:
        there = await kafka.writable(list(wanted))
        if all(there.get(name, 0) >= topic.partitions for name, topic in wanted.items()):
            return
        await asyncio.sleep(0.02)
    raise KafkaUnreachable(f"Kafka has not made the topics ready in {_VISIBLE_SECONDS} s.")


def _too_narrow(topic: Topic, found: TopicDescription) -> str:
    return (
        f"{found.name} has {found.partitions} partitions instead of {topic.partitions} and was "
        "written to: more of them would part the new records of a key from the old ones, which "
        "then are in no order, and are never erased. The contract must say the lower number, or "
        "name a new topic."
    )


def _differences(topic: Topic, found: TopicDescription) -> list[str]:
    sentences = []
    if found.partitions > topic.partitions:
        sentences.append(
            f"{found.name} has {found.partitions} partitions instead of {topic.partitions}: "
            "Kafka cannot take partitions away, so the contract must say the higher number."
        )
    for key, value in configs(topic).items():
        actual = found.configs.get(key)
        if actual != value:
            sentences.append(
                f"{found.name} has {key}={actual} instead of {value}: alter the topic."
            )
    return sentences


def _shortages(found: TopicDescription, replicas: int) -> list[str]:
    sentences = []
    if found.replicas < replicas:
        sentences.append(
            f"{found.name} has {found.replicas} replicas instead of {replicas}: "
            "reassign its partitions."
        )
    in_sync = min(_IN_SYNC, replicas)
    if int(found.configs.get("min.insync.replicas", 1)) < in_sync:
        sentences.append(
            f"{found.name} has min.insync.replicas="
            f"{found.configs.get('min.insync.replicas')} instead of {in_sync}: alter the topic."
        )
    return sentences
