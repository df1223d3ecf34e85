"""Facts: other services' events, said in a test as their owner would say them.

    facts = Facts(settings)
    await facts.publish(NetworkAnnounced(...), NetworkOpened(...))
    await facts.applied(pool)

Each event gets the next sequence of its key, an id and a time. `applied`
waits until the service under test has them all behind it.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from samband_contracts.event import CloudEvent, Event, schema_uri
from samband_contracts.kafka import to_headers, to_value
from samband_contracts.topics import Topic, topic_of

from samband_kit.ids import new_id
from samband_kit.testing.eventually import eventually
from samband_kit.testing.records import publish_raw

if TYPE_CHECKING:
    from samband_kit.database import Pool
    from samband_kit.settings import Settings


class Facts:
    """Says events in the place of the services that own them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last: dict[tuple[str, str], int] = defaultdict(int)

    def envelope(self, event: Event, *, sequence: int | None = None) -> CloudEvent[Any]:
        """The event with its attributes; without `sequence`, with the next one of its key."""
        topic = topic_of(type(event))
        place = (topic.name, event.key)
        if sequence is None:
            self._last[place] += 1
            sequence = self._last[place]
        return CloudEvent(
            id=new_id(),
            source=topic.source,
            type=event.TYPE,
            subject=event.key,
            time=datetime.now(UTC),
            sequence=sequence,
            data=event,
            dataschema=schema_uri(event.TYPE),
            correlation_id=new_id(),
        )

    async def publish(self, *events: Event) -> list[CloudEvent[Any]]:
        """Publish the events in this order; returns them as published."""
        envelopes = [self.envelope(event) for event in events]
        for envelope in envelopes:
            await self.publish_as(envelope)
        return envelopes

    async def publish_as(self, envelope: CloudEvent[Any]) -> None:
        """Publish exactly this: for repeating, reordering and leaving out."""
        topic: Topic = topic_of(type(envelope.data))
        await publish_raw(
            self._settings,
            topic,
            key=envelope.subject.encode(),
            value=to_value(envelope.data),
            headers=to_headers(envelope),
        )

    async def applied(self, pool: Pool, timeout: float = 20.0) -> None:  # noqa: ASYNC109 - handed on
        """Wait until the service's positions say that everything published is behind it."""

        async def behind() -> bool:
            rows = await pool.fetch("select topic, key, last_sequence from positions")
            reached = {(row["topic"], row["key"]): row["last_sequence"] for row in rows}
            missing = {
                place: last for place, last in self._last.items() if reached.get(place, 0) < last
            }
            if missing:
                raise AssertionError(f"not applied yet: {missing}")
            return True

        await eventually(behind, timeout)
