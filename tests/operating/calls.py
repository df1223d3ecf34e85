"""Calls: the facts that the scenes are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_contracts.topics import CALLS

if TYPE_CHECKING:
    from tests.operating.scene import Scene


async def opened_call(scene: Scene) -> str:
    """The key of a call that somebody has just opened."""
    opened = scene.stack.command(
        "registration", "open-call", "--title-sv", "Ny", "--title-en", "New", "--days", "30"
    )
    assert opened.returncode == 0, opened.stderr
    key: str = await scene.ask(
        "select key from registration.outbox where topic = $1 order by position desc limit 1",
        CALLS.name,
    )
    return key


async def heard(scene: Scene, key: str) -> bool:
    """Whether networks has applied the first event of a call."""
    return await scene.reached(key) == 1
