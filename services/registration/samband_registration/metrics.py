"""Metrics of registration's own: how many registrations stand where."""

from functools import cache

from prometheus_client import CollectorRegistry, Gauge
from samband_kit.service import Runtime

from samband_registration.registrations.domain.machine import State


@cache
def registrations_by_state(registry: CollectorRegistry) -> Gauge:
    """The gauge of a registry, created at the first use."""
    return Gauge(
        "samband_registration_records",
        "Interest registrations, by state.",
        ("state",),
        registry=registry,
    )


async def count_registrations(runtime: Runtime) -> None:
    """Set the gauge to what the table holds now."""
    rows = await runtime.pool.fetch("select state, count(*) from registrations group by state")
    counts = {row["state"]: row["count"] for row in rows}
    gauge = registrations_by_state(runtime.registry)
    for state in State:
        gauge.labels(state.value).set(counts.get(state.value, 0))
