"""Restoring: the scenes of a copy that is older than what others have read."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from samband_kit.testing import eventually
from samband_local.services import NAMES

from tests.operating.calls import heard, opened_call
from tests.operating.scene import ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.operating.scene import Scene

_LOST = "the call that was opened after the copy"


@asynccontextmanager
async def restore(scene: Scene) -> AsyncIterator[None]:
    """After the copy a call was opened, which others have read; then all services were stopped.

    Afterwards they run again, on what the copy holds and what they have read again.
    """
    before = await scene.ask("select count(*) from registration.organisations")
    lost = await opened_call(scene)
    scene.stands_for[_LOST] = lost
    await eventually(lambda: heard(scene, lost), 60)
    for name in NAMES:
        scene.stack.stop(name)
    try:
        yield
    finally:
        for name in NAMES:
            scene.stack.start(name)
    for name in NAMES:
        await eventually(lambda name=name: ready(scene.stack.addresses.ops_port(name)), 120)  # type: ignore[misc]  # bound now
    assert before
    assert await scene.ask("select count(*) from registration.organisations") == before
    assert not await scene.ask("select 1 from registration.calls where call_id::text = $1", lost)
    await eventually(lambda: heard(scene, lost), 120)
    assert await scene.ask("select count(*) from networks.parked where skipped_at is null") == 0


@asynccontextmanager
async def restored(scene: Scene) -> AsyncIterator[None]:
    """The copy is restored, and what was written after it lies in Kafka alone."""
    lost = scene.stands_for[_LOST]
    assert not await heard(scene, lost)
    yield
    assert "1 in the log were never in this outbox" in scene.said
    assert f"key {lost} sequence 1" in scene.said
    assert "registration ended with 1" in scene.said
    assert await scene.ask("select count(*) from networks.operator_audit where command = 'reread'")
