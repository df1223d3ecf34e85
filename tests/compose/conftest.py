"""The system in Docker, for all tests here: it takes minutes to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compose.installation import Installation, installation


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The whole system in Docker, started as an operator would, and gone afterwards."""
    with installation(tmp_path_factory.mktemp("compose")) as made:
        yield made
