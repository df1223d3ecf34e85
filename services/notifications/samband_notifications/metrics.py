"""Metrics: what can be seen of deliveries from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_SMTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True)
class SendMetrics:
    """What a sender measures."""

    attempts: Counter
    uncertain: Counter
    smtp_seconds: Histogram
    connections: Gauge
    unfinished: Gauge
    oldest_seconds: Gauge

    @classmethod
    def on(cls, registry: CollectorRegistry) -> Self:
        """The metrics, registered."""
        return cls(
            attempts=Counter(
                "samband_delivery_attempts_total",
                "Attempts to deliver, by template and the state that they led to",
                ["template", "state"],
                registry=registry,
            ),
            uncertain=Counter(
                "samband_deliveries_uncertain_total",
                "Times that nobody knew whether a message had arrived",
                registry=registry,
            ),
            smtp_seconds=Histogram(
                "samband_smtp_seconds",
                "Time from MAIL FROM to the server's last answer",
                buckets=_SMTP_BUCKETS,
                registry=registry,
            ),
            connections=Gauge(
                "samband_smtp_connections",
                "Open connections to the mail server",
                registry=registry,
            ),
            unfinished=Gauge(
                "samband_deliveries_unfinished_rows",
                "Deliveries that are neither sent nor skipped, by state and template",
                ["state", "template"],
                registry=registry,
            ),
            oldest_seconds=Gauge(
                "samband_deliveries_oldest_seconds",
                "How long the longest waiting delivery has been due",
                registry=registry,
            ),
        )
