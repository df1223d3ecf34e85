"""Metrics of what the kit does for a service.

Names are `samband_<noun>_<unit>`, counters end in `_total`. Labels are topics,
jobs and outcomes: few, known values. An id or an address is never a label, and
none is called `job` or `instance`: Prometheus takes these names for itself.

What an alert watches is there from the start, at 0: Prometheus sees no rise in
a counter that appears with its first event.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_HANDLING = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_END_TO_END = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600, 86400)


def process_registry() -> CollectorRegistry:
    """A registry with the metrics of the process itself."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def kinds_at_work(registry: CollectorRegistry) -> Gauge:
    """What a process is there for; 1 from the moment at which it does it."""
    return Gauge(
        "samband_kind_active",
        "1 where a process does this kind of work, 0 where it waits for what it needs to begin.",
        ("kind",),
        registry=registry,
    )


class ConsumeMetrics:
    """What consuming shows. Created once for a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "samband_records_total",
            "Records read, by how they ended: applied, duplicate, parked or ignored.",
            ("topic", "outcome"),
            registry=registry,
        )
        self.healed = Counter(
            "samband_parked_healed_total",
            "Parked records that were applied or replaced later.",
            ("topic",),
            registry=registry,
        )
        self.parked = Gauge(
            "samband_parked_records",
            "Records that are parked now, by reason.",
            ("topic", "reason"),
            registry=registry,
        )
        self.forks = Counter(
            "samband_forks_total",
            "Events that claim a sequence number which another event already has.",
            ("topic",),
            registry=registry,
        )
        self.failures = Counter(
            "samband_batch_failures_total",
            "Batches that were rolled back: infrastructure (read again) or record (parked).",
            ("topic", "cause"),
            registry=registry,
        )
        self.handling = Histogram(
            "samband_batch_seconds",
            "Time from taking a batch to its commit.",
            ("topic",),
            buckets=_HANDLING,
            registry=registry,
        )
        self.end_to_end = Histogram(
            "samband_end_to_end_seconds",
            "Time from an event's ce_time to the commit of its effects here.",
            ("topic",),
            buckets=_END_TO_END,
            registry=registry,
        )
        self.lag_records = Gauge(
            "samband_lag_records",
            "Records in this process's partitions that are not applied yet.",
            ("topic",),
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "samband_lag_seconds",
            "Age of the oldest record in this process's partitions that is not applied yet.",
            ("topic",),
            registry=registry,
        )
        self.rebuilds = Counter(
            "samband_consumer_rebuilds_total",
            "Consumers rebuilt because they made no progress or had died.",
            registry=registry,
        )


class JobMetrics:
    """What periodic jobs show. Created once for a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter(
            "samband_job_runs_total",
            "Runs of periodic jobs, by outcome: done or failed.",
            ("name", "outcome"),
            registry=registry,
        )
        self.seconds = Histogram(
            "samband_job_seconds",
            "Time that one run of a periodic job took.",
            ("name",),
            buckets=_HANDLING,
            registry=registry,
        )
        self.interval = Gauge(
            "samband_job_interval_seconds",
            "Time from one run of a periodic job to the next.",
            ("name",),
            registry=registry,
        )
        self.done_at = Gauge(
            "samband_job_done_timestamp_seconds",
            "When a periodic job last ended well in any process, or was first to be done (Unix time).",
            ("name",),
            registry=registry,
        )
