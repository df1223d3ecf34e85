"""What can go wrong with Kafka, by what helps."""

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    CorruptRecordException,
    GroupAuthorizationFailedError,
    InvalidProducerEpoch,
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownProducerId,
    UnsupportedForMessageFormatError,
)

__all__ = [
    "AccessRefused",
    "KafkaError",
    "KafkaUnreachable",
    "NoAuthorizer",
    "NotAllowed",
    "Unsendable",
    "is_of_the_producer",
    "is_refusal",
]


class KafkaUnreachable(Exception):
    """Kafka did not answer in time."""


class TopicUnknown(KafkaUnreachable):
    """Kafka answers, and knows no such topic; it may come to know it."""


class AccessRefused(KafkaUnreachable):
    """Kafka does not let us in; to whoever waits for it, it is not there until it does."""


class NoAuthorizer(Exception):
    """The cluster asks nobody what they may do."""


class Unsendable(KafkaError):
    """A record that is refused on this side already."""


_REFUSED = (
    CorruptRecordException,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    Unsendable,
    UnsupportedForMessageFormatError,
)
_OF_THE_PRODUCER = (
    ClusterAuthorizationFailedError,
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaTimeoutError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)


NotAllowed = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)
"""The answers to those whom no access rule allows what they ask."""


def is_refusal(error: BaseException) -> bool:
    """Whether a record brought this upon itself: sending it again gives the same answer."""
    return isinstance(error, _REFUSED)


def is_of_the_producer(error: BaseException) -> bool:
    """Whether another producer may succeed at once where this one failed, on whatever topic."""
    return isinstance(error, _OF_THE_PRODUCER)
