"""Kafka: the one place that touches aiokafka, which has no types of its own.

A producer that can always be got rid of, the administration of topics, and a
reader of whole topics. FastStream consumes; nothing here does so for effects.
"""

from samband_kit.kafka.access import Access, Security
from samband_kit.kafka.administration import Administration, TopicDescription
from samband_kit.kafka.failures import (
    AccessRefused,
    KafkaError,
    KafkaUnreachable,
    NoAuthorizer,
    NotAllowed,
    TopicUnknown,
    Unsendable,
    is_of_the_producer,
    is_refusal,
)
from samband_kit.kafka.groups import GroupAtWork, begin_anew
from samband_kit.kafka.partitioning import partition_of
from samband_kit.kafka.producer import Batch, Headers, Producer
from samband_kit.kafka.reading import Record, read, was_written

__all__ = [
    "Access",
    "AccessRefused",
    "Administration",
    "Batch",
    "GroupAtWork",
    "Headers",
    "KafkaError",
    "KafkaUnreachable",
    "NoAuthorizer",
    "NotAllowed",
    "Producer",
    "Record",
    "Security",
    "TopicDescription",
    "TopicUnknown",
    "Unsendable",
    "begin_anew",
    "is_of_the_producer",
    "is_refusal",
    "partition_of",
    "read",
    "was_written",
]
