"""Soak: all services, and random faults for as long as `--minutes` says."""

from __future__ import annotations

from pathlib import Path

import pytest
from samband_kit.testing import Backing

from tests.faults.cases import Area, Invariant, case
from tests.faults.town import soak
from tests.faults.trials import Ground


@case(
    Area.EVERYTHING,
    "random faults, one after the other, on all services",
    how="kill -9, planned stop, freeze, end of the lock's session; while forms are sent",
    holds=tuple(map(Invariant, ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I13"))),
)
async def test_random_faults_for_a_while_change_nothing(
    backing: Backing, tmp_path: Path, seed: int, full: bool, pytestconfig: pytest.Config
) -> None:
    assert await soak(Ground(backing, tmp_path, seed, full), pytestconfig.getoption("minutes"))
