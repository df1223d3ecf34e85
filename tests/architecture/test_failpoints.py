"""Failpoints: what is listed is reached, at one place, and something dies there in a test."""

import ast
from collections import Counter
from collections.abc import Iterator

from samband_kit.failpoints import Failpoint

from tests.architecture.source_tree import sources
from tests.faults.matrix import MATRIX, SCENARIOS


def test_every_failpoint_is_reached_at_exactly_one_place() -> None:
    assert Counter(_reached()) == Counter(point.name for point in Failpoint)


def test_every_failpoint_is_in_the_matrix_of_faults() -> None:
    assert set(SCENARIOS) == set(Failpoint)
    killed = {trial.name for trial in MATRIX if trial.quick}
    assert {f"{point.label}-kill" for point in Failpoint} <= killed


def test_a_failpoint_says_what_has_happened_and_what_has_not() -> None:
    assert len({point.label for point in Failpoint}) == len(Failpoint)
    assert not [point for point in Failpoint if not point.moment.endswith(".")]


def _reached() -> Iterator[str]:
    """The failpoints that shipped code awaits, by name, as often as it does."""
    for source in sources(shipped_only=True):
        for node in ast.walk(source.tree):
            match node:
                case ast.Await(
                    value=ast.Call(
                        func=ast.Name(id="reach"),
                        args=[ast.Attribute(value=ast.Name(id="Failpoint"), attr=name)],
                    )
                ):
                    yield name
                case _:
                    pass
