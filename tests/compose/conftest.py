"""One installation in Docker for all tests here; making it takes minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.compose.installation import Installation, installation

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The whole system in Docker, started as an operator would, and gone afterwards."""
    with installation(tmp_path_factory.mktemp("compose")) as made:
        yield made
