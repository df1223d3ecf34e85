"""Groups: how far a consumer group has read, and how to begin anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.errors import CommitFailedError

from samband_kit.kafka.reading import looking_at

if TYPE_CHECKING:
    from samband_kit.kafka.access import Access


class GroupAtWork(Exception):
    """A consumer of the group runs."""


async def begin_anew(access: Access, group: str, topic: str, *, dry_run: bool = False) -> int:
    """Let the group read the topic from its beginning; how many records that are read already.

    Kafka takes it from nobody while the group has a member, so no consumer is
    set back that runs.

    Raises:
        GroupAtWork: it has one; nothing was changed. Not with `dry_run`.
        KafkaUnreachable: no broker answered.
    """
    mine = looking_at(topic, access, client_id="samband-reread", group_id=group)
    try:
        async with mine as (consumer, places):
            # Without a subscription it never joins the group.
            consumer.assign(places)
            begins = await consumer.beginning_offsets(places)
            reached = {place: await consumer.committed(place) or 0 for place in places}
            if not dry_run:
                await consumer.commit(begins)
            return sum(max(reached[place] - begins[place], 0) for place in places)
    except CommitFailedError as error:
        raise GroupAtWork(group) from error
