"""Subscriber: FastStream on Kafka, configured so that nothing is lost on the way.

At least once: the offset is committed after the handler returned, and a
handler that raises `NackMessage` gets the same records again. Every record
reaches the handler raw. FastStream's own parser raises on a null or non-UTF-8
header, and the record would then be skipped silently: ours never raises, and
nothing is decoded before the kit does it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from samband_kit import topics
from samband_kit.consumer.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiokafka import AIOKafkaConsumer, ConsumerRecord
    from faststream.kafka.prometheus import KafkaPrometheusMiddleware
    from samband_contracts.topics import Topic

    from samband_kit.kafka import Access
    from samband_kit.settings import Settings

    Records = tuple[ConsumerRecord[bytes | None, bytes | None], ...]
    OnRecords = Callable[[Records], Awaitable[None]]

SWEEP = 1_000
"""Records taken from Kafka in one go, at most: between two commits of the offset."""


def build_broker(
    settings: Settings,
    *,
    graceful_timeout: float,
    middlewares: Sequence[KafkaPrometheusMiddleware] = (),
) -> KafkaBroker:
    """A broker that only reads. `graceful_timeout` bounds waiting for running batches."""
    return _Broker(
        settings.kafka,
        client_id="samband",
        # Neither producer nor admin client: credentials that may only read suffice.
        consumer_only=True,
        allow_auto_create_topics=False,
        metadata_max_age_ms=30_000,
        graceful_timeout=graceful_timeout,
        apply_types=False,
        middlewares=middlewares,
        logger=logging.getLogger("samband_kit.faststream"),
        log_level=logging.DEBUG,
    )


class _Broker(KafkaBroker):
    """A broker whose consumers are `Reader`s; FastStream knows no other way to say so."""

    def __init__(self, access: Access, **options: Any) -> None:
        super().__init__(access.servers.split(","), **options)
        self._access = access

    async def _connect(self) -> Callable[..., AIOKafkaConsumer]:
        builder = await super()._connect()
        options: dict[str, Any] = getattr(builder, "keywords", {})
        self.config.broker_config.builder = partial(Reader, access=self._access, **options)
        return self.config.broker_config.builder


def subscribe(
    broker: KafkaBroker,
    settings: Settings,
    service: str,
    topic: Topic,
    on_records: OnRecords,
) -> Any:
    """A subscriber of one topic in a group of its own; returns FastStream's subscriber."""
    subscriber = broker.subscriber(
        topics.physical(settings.kafka_prefix, topic),
        group_id=topics.group(settings.kafka_prefix, service, topic),
        batch=True,
        max_records=SWEEP,
        # How long FastStream sleeps after a call that found nothing; the default is 200.
        batch_timeout_ms=10,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        # A `reply_to` header must not make us publish anything.
        no_reply=True,
    )
    subscriber(on_records, parser=_parse_nothing, decoder=_decode_nothing)
    return subscriber


async def _parse_nothing(records: Records, original: Callable[..., Awaitable[Any]]) -> Any:
    # FastStream sees one record without headers; then it gets the raw ones back.
    message = await original((replace(records[0], headers=()),))
    message.raw_message = records
    message.body = [record.value or b"" for record in records]
    return message


async def _decode_nothing(message: Any) -> Records:
    records: Records = message.raw_message
    return records
