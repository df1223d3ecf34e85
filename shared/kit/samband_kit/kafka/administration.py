"""Administration: which topics there are, and what they are like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from samband_kit.kafka.access import unreachable
from samband_kit.kafka.failures import KafkaError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from samband_kit.kafka.access import Access

_REQUEST_MS = 15_000


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic as it is on the cluster; `configs` are the effective ones."""

    name: str
    partitions: int
    replicas: int
    """Of the partition that has the fewest, those that are down included."""
    configs: Mapping[str, str]


class Administration:
    """Topics of a cluster: `async with Administration(access) as kafka`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client: Any = None

    async def __aenter__(self) -> Self:
        self._client = AIOKafkaAdminClient(**self._access.options(), request_timeout_ms=_REQUEST_MS)
        try:
            await self._client.start()
        except KafkaError as error:
            await self._client.close()
            raise await unreachable(self._access, error) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def brokers(self) -> int:
        """How many brokers the cluster has."""
        return len((await self._client.describe_cluster())["brokers"])

    async def names(self) -> list[str]:
        """The names of all topics."""
        return [str(name) for name in await self._client.list_topics()]

    async def writable(self, names: Sequence[str]) -> dict[str, int]:
        """How many partitions of each of `names` that exists can be written now."""
        return {
            name: sum(partition["leader"] >= 0 for partition in partitions)
            for name, partitions in (await self._partitions(names)).items()
        }

    async def describe(self, names: Sequence[str]) -> dict[str, TopicDescription]:
        """The topics of `names` that exist, with all partitions, whether they have a leader or not."""
        found = await self._partitions(names)
        configs = await self._configs(list(found)) if found else {}
        return {
            name: TopicDescription(
                name,
                len(partitions),
                min((len(partition["replicas"]) for partition in partitions), default=0),
                configs[name],
            )
            for name, partitions in found.items()
        }

    async def create(
        self, name: str, *, partitions: int, replicas: int, configs: Mapping[str, str]
    ) -> bool:
        """Create a topic; False when another process has just done so."""
        topic = NewTopic(name, partitions, replicas, topic_configs=dict(configs))
        answer = await self._client.create_topics([topic])
        for _name, code, *message in answer.topic_errors:
            error = for_code(code)
            if error is TopicAlreadyExistsError:
                return False
            if code:
                raise error(*message)
        return True

    async def extend(self, name: str, partitions: int) -> None:
        """Give a topic more partitions."""
        answer = await self._client.create_partitions({name: NewPartitions(partitions)})
        for _name, code, message in answer.topic_errors:
            if code:
                raise for_code(code)(message)

    async def delete(self, names: Sequence[str]) -> None:
        """Delete topics; unknown ones are ignored."""
        answer = await self._client.delete_topics(list(names))
        for _name, code in answer.topic_error_codes:
            if code and for_code(code) is not UnknownTopicOrPartitionError:
                raise for_code(code)

    async def _partitions(self, names: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        return {
            topic["topic"]: topic["partitions"]
            for topic in await self._client.describe_topics()
            if topic["topic"] in names
        }

    async def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found: dict[str, dict[str, str]] = {}
        for answer in await self._client.describe_configs(wanted):
            for code, message, _type, name, entries in answer.resources:
                if code:
                    raise for_code(code)(message)
                found[name] = {entry[0]: entry[1] for entry in entries}
        return found
