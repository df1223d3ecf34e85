"""Catalogue: every benchmark, in the order in which it is run and shown."""

from benchmarks import (
    batch_consumer,
    commit_to_applied,
    growth_consumer,
    growth_relay,
    mail_worker,
    memory,
    outbox_relay,
    registration_http,
)
from benchmarks.frame.figures import Benchmark, Figure

BENCHMARKS: tuple[Benchmark, ...] = (
    outbox_relay.BENCHMARK,
    batch_consumer.BENCHMARK,
    commit_to_applied.BENCHMARK,
    mail_worker.BENCHMARK,
    registration_http.BENCHMARK,
    memory.BENCHMARK,
    growth_relay.BENCHMARK,
    growth_consumer.BENCHMARK,
)

FIGURES: dict[str, Figure] = {
    figure.name: figure for benchmark in BENCHMARKS for figure in benchmark.figures
}
