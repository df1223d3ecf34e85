"""What the relay shows."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """Created once for a registry. Backlog, age and blocked keys are the whole service's,
    and every process with a relay shows them, whether its relay is at work or stands by.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.backlog = Gauge(
            "samband_outbox_backlog_rows",
            "Facts that are not in Kafka yet, those of blocked keys included.",
            registry=registry,
        )
        self.oldest_age = Gauge(
            "samband_outbox_oldest_age_seconds",
            "Age of the oldest fact that is not in Kafka yet and whose key is not blocked.",
            registry=registry,
        )
        self.blocked = Gauge(
            "samband_outbox_blocked_keys",
            "Keys of which Kafka refused a record; each waits for an operator.",
            registry=registry,
        )
        self.measured_at = Gauge(
            "samband_outbox_measured_timestamp_seconds",
            "When the outbox was last looked at; older means that Postgres does not answer.",
            registry=registry,
        )
        self.measured_at.set_to_current_time()
        self.published = Counter(
            "samband_outbox_published_total",
            "Facts that Kafka acknowledged to this process.",
            ("topic",),
            registry=registry,
        )
        self.active = Gauge(
            "samband_outbox_relay_active",
            "1 in the process whose relay is at work, 0 where it stands by.",
            registry=registry,
        )
        self.rebuilds = Counter(
            "samband_outbox_producer_rebuilds_total",
            "Producers dropped because of an error or a timeout.",
            registry=registry,
        )
