"""Relay: carries the outbox to Kafka, in order, until everything is there.

It always begins with the lowest row that is not published, sends, and marks
rows only after Kafka has acknowledged them: after any crash it sends some of
them again, never none of them. There is no maximum of attempts. One relay per
service is at work, the others stand by.
"""

from samband_kit.relay.relay import Relay

__all__ = ["Relay"]
