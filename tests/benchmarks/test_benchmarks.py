"""Every benchmark runs and yields sane figures; how good they are is for `make bench` to say."""

import math
from pathlib import Path

import pytest
from samband_kit.testing import Backing

from benchmarks.catalogue import BENCHMARKS, FIGURES
from benchmarks.frame import record, shown
from benchmarks.frame.command import PAGE, main
from benchmarks.frame.environment import environment
from benchmarks.frame.figures import Benchmark, Figure, NotRun, at_least, at_most
from benchmarks.frame.record import Entry
from benchmarks.frame.stage import Size, Stage


@pytest.fixture
def stage(backing: Backing, tmp_path: Path) -> Stage:
    """The servers that all tests share, at the smallest size."""
    return Stage(backing, Size.TINY, tmp_path)


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
async def test_a_benchmark_yields_the_figures_that_it_declares(
    benchmark: Benchmark, stage: Stage
) -> None:
    try:
        results = await benchmark.measure(stage)
    except NotRun as reason:
        pytest.skip(str(reason))

    assert [result.name for result in results] == [figure.name for figure in benchmark.figures]
    for result in results:
        assert result.value > 0
        assert result.limit > 0
        assert math.isclose(result.ratio, result.value / result.limit, rel_tol=0.001)


async def test_figures_are_kept_with_their_environment_and_replaced_by_name(
    stage: Stage, tmp_path: Path
) -> None:
    here = await environment(stage, load=1.5)
    speed = Figure("speed", "rows/s", at_least(0.3), "It does {value}.")
    memory = Figure("memory", "MB", at_most(1), "It holds {value}.")
    kept = tmp_path / "results.json"
    untouched = Entry(memory.result(80, 120), Size.FULL, here)
    record.keep(
        [Entry(speed.result(1, 10), Size.QUICK, here), untouched], ["speed", "memory"], kept
    )
    new = Entry(speed.result(5, 10, note="more rows"), Size.FULL, here)

    record.keep([new], ["speed", "memory"], kept)

    assert record.read(kept) == [new, untouched]


def test_targets_know_which_way_is_better() -> None:
    assert at_least(0.3).is_met(0.3)
    assert not at_least(0.3).is_met(0.29)
    assert at_most(1.5).is_met(1.5)
    assert not at_most(1.5).is_met(1.51)


def test_the_page_of_figures_is_what_the_kept_results_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == shown.page(record.read(), FIGURES)


def test_the_page_has_every_figure() -> None:
    assert [entry.result.name for entry in record.read()] == list(FIGURES)


def test_an_unknown_figure_is_refused_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["outbox_really"])

    said = capsys.readouterr().err
    assert "there is no 'outbox_really'" in said
    assert "outbox_relay" in said
