"""All trials: every failpoint of the code, the kit under attack, and what is broken on purpose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from samband_kit.testing import Backing

from tests.faults.attacks import ATTACKS
from tests.faults.cases import RECOVERY
from tests.faults.controls import CONTROLS
from tests.faults.matrix import MATRIX
from tests.faults.trials import Ground, Runs, Trial, together

# What takes longest begins first: else it is waited for when all others are over.
TRIALS = (*reversed(ATTACKS), *MATRIX, *CONTROLS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    full = metafunc.config.getoption("full", default=False)
    metafunc.parametrize(
        "trial",
        [pytest.param(one, id=one.name, marks=one.mark) for one in TRIALS if full or one.quick],
    )


@pytest.fixture(scope="module")
async def runs(
    request: pytest.FixtureRequest,
    backing: Backing,
    tmp_path_factory: pytest.TempPathFactory,
    full: bool,
) -> AsyncIterator[Runs]:
    """All selected trials under way."""
    wanted: dict[tuple[str, int], tuple[Trial, Ground]] = {}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module is request.module:
            trial, seed = _parameters(item)
            folder = tmp_path_factory.mktemp(trial.name)
            wanted[trial.name, seed] = (trial, Ground(backing, folder, seed, full))
    async with together(wanted, at_once=request.config.getoption("at_once", 4)) as begun:
        yield begun


def _parameters(item: pytest.Function) -> tuple[Trial, int]:
    trial, seed = item.callspec.params["trial"], item.callspec.params["seed"]
    assert isinstance(trial, Trial)
    assert isinstance(seed, int)
    return trial, seed


async def test_everything_is_well_again_after(
    runs: Runs, trial: Trial, seed: int, record_property: Callable[[str, object], None]
) -> None:
    record_property(RECOVERY, round(await runs[trial.name, seed], 2))
