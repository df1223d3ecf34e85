"""The system in Docker is asked for by name, because it takes minutes and needs an engine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.compose.installation import Installation, installation

_WANTED = os.environ.get("BACKING") == "containers"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say of every test here that it was not run, unless containers were asked for."""
    if _WANTED:
        return
    for item in items:
        if "tests/compose/" in item.path.as_posix():
            item.add_marker(pytest.mark.skip(reason="needs Docker: make test BACKING=containers"))


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The whole system in Docker, started as an operator would, and gone afterwards."""
    with installation(tmp_path_factory.mktemp("compose")) as made:
        yield made
