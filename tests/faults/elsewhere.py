"""Elsewhere: cases among the tests of other folders, as `elsewhere.toml` lists them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from tests.faults.cases import Area, Case, Invariant


def listed() -> Mapping[str, Mapping[str, Case]]:
    """The cases, by file and by test."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return {
        file: {test: _case(*words) for test, words in tests.items()}
        for file, tests in tomllib.loads(text).items()
    }


def _case(area: str, fault: str, how: str, holds: str) -> Case:
    return Case(Area[area], fault, how, tuple(map(Invariant, holds.split())))
