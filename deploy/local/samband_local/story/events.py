"""What a subscriber saw: the events published since the story began."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samband_contracts import kafka as contract
from samband_contracts import topics
from samband_kit import kafka

from samband_local.story.report import gaps

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Published:
    """Events by how many there are, and how many are missing in between."""

    events: int
    sequence_gaps: int


async def published(access: kafka.Access, since: datetime) -> Published:
    """Count the distinct events published since `since`, and gaps in any event topic's keys.

    State topics are counted but may have gaps: compaction makes them.

    Raises:
        Unparsable: a record is no event.
        KafkaUnreachable: no broker answered, or let us in.
    """
    ids = set()
    sequences: dict[tuple[str, str], list[int]] = defaultdict(list)
    for topic in topics.ALL:
        async for record in kafka.read(access, topic.name):
            if record.key == contract.PULSE_KEY.encode():
                continue
            event = contract.parse(topic, record.key, record.headers, record.value)
            if event.time >= since:
                ids.add(event.id)
            if not topic.is_state:
                sequences[topic.name, event.subject].append(event.sequence)
    return Published(len(ids), gaps(sequences))
