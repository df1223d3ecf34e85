"""What tests of faults share: servers that may be hurt, well again after each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.ground import Ground, ground

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(scope="session")
async def rough_ground() -> AsyncIterator[Ground]:
    """As `rough`, for what lasts longer than a test: whoever hurts it heals it."""
    async with ground() as made:
        yield made


@pytest.fixture
async def rough(rough_ground: Ground) -> AsyncIterator[Ground]:
    """A PostgreSQL and a Kafka to hurt."""
    yield rough_ground
    await rough_ground.heal()
