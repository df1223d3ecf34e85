"""The command: measure, show, keep; or write the page from what was kept."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from samband_local.problems import LocalProblem

from benchmarks.catalogue import BENCHMARKS, FIGURES
from benchmarks.frame import record, shown
from benchmarks.frame.environment import ROOT, environment
from benchmarks.frame.figures import NotRun
from benchmarks.frame.processes import ProgramEnded
from benchmarks.frame.record import Entry
from benchmarks.frame.stage import Size, own_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.frame.figures import Benchmark, Result
    from benchmarks.frame.stage import Stage

PAGE = ROOT / "docs/reference/performance.md"
RENDER = "render"

_EPILOG = f"""
benchmarks:
  {", ".join(benchmark.name for benchmark in BENCHMARKS)}

examples:
  python -m benchmarks                           all of them; takes a while
  python -m benchmarks --quick                   a first look, in under three minutes
  python -m benchmarks outbox_relay mail_worker  some; the others' figures are kept
  python -m benchmarks {RENDER}                    write docs/reference/performance.md

exit codes: 0 measured, whether targets are met or not; 1 something failed; 2 wrong usage
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code."""
    options = _parser().parse_args(arguments)
    if options.names == [RENDER]:
        PAGE.write_text(shown.page(record.read(options.output), FIGURES), encoding="utf-8")
        print(f"{PAGE.relative_to(ROOT)} is written.")
        return 0
    # However we are ended, everything is cleaned up; a background shell would have us ignore it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # What fails for good is raised; the rest is said by clients that wait for a young broker.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    chosen = [
        benchmark
        for benchmark in BENCHMARKS
        if not options.names or _names_of(benchmark) & set(options.names)
    ]
    try:
        _run(chosen, Size.QUICK if options.quick else Size.FULL, options.output)
    except (LocalProblem, ProgramEnded) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; what was measured before is kept.", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Samband against what the machine can do.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        type=_known,
        help="a benchmark, or a figure that it yields; everything when none is named",
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds")
    parser.add_argument(
        "--output",
        type=Path,
        default=record.RESULTS,
        metavar="PATH",
        help="the file that results are kept in (default: benchmarks/results.json)",
    )
    return parser


def _known(name: str) -> str:
    if name != RENDER and not any(name in _names_of(benchmark) for benchmark in BENCHMARKS):
        there_are = ", ".join(benchmark.name for benchmark in BENCHMARKS)
        raise argparse.ArgumentTypeError(f"there is no {name!r}; there are {there_are}")
    return name


def _names_of(benchmark: Benchmark) -> set[str]:
    return {benchmark.name, *(figure.name for figure in benchmark.figures)}


def _run(chosen: Sequence[Benchmark], size: Size, output: Path) -> None:
    load, _, _ = os.getloadavg()
    say = _teller()
    with own_stage(size, say) as stage, asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        here = loop.run(environment(stage, load))
        if here.is_busy:
            say(f"WARNING: the machine is busy (load {load:.1f}); trust the ratios at most.")
        results: list[Result] = []
        not_run: list[str] = []
        for number, benchmark in enumerate(chosen, 1):
            say(f"{number}/{len(chosen)} {benchmark.name}")
            try:
                measured = loop.run(_measured(benchmark, stage))
            except NotRun as reason:
                not_run.append(f"NOT RUN: {benchmark.name}. {reason}")
                say(not_run[-1])
                continue
            record.keep([Entry(one, size, here) for one in measured], list(FIGURES), output)
            results += measured
    print("\n".join([shown.table(results), *not_run]))
    print(f"\n{shown.environment_line(here)}; size {size}")
    print(f"Kept in {output}; `python -m benchmarks {RENDER}` writes {PAGE.relative_to(ROOT)}.")


async def _measured(benchmark: Benchmark, stage: Stage) -> Sequence[Result]:
    return await benchmark.measure(stage)


def _teller() -> Callable[[str], None]:
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {what}", file=sys.stderr, flush=True)

    return say
