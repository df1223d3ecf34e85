"""Catalogue: every benchmark, in the order in which it is run and shown."""

from benchmarks import outbox_relay
from benchmarks.frame.figures import Benchmark, Figure

BENCHMARKS: tuple[Benchmark, ...] = (outbox_relay.BENCHMARK,)

FIGURES: dict[str, Figure] = {
    figure.name: figure for benchmark in BENCHMARKS for figure in benchmark.figures
}
