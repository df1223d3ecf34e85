"""Open register: the registration service with its organisations and a call that is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from samband_contracts.values import Localised
from samband_kit import database
from samband_kit.ids import new_id
from samband_registration.calls.domain import OpenCall
from samband_registration.calls.handlers import open_call
from samband_registration.organisations.handlers import load_register

if TYPE_CHECKING:
    from uuid import UUID

    from samband_kit.settings import Settings

SETTINGS: Final[dict[str, Any]] = {"overall_limit_per_hour": 1_000_000}
"""Of the limits only the one for everybody together is widened: it is there to stop this."""


async def prepare(settings: Settings, *, call_id: UUID | None = None) -> UUID:
    """Load the organisations and open a call; its id, which is `call_id` if that is given."""
    pool = await database.open_pool(settings)
    try:
        await load_register(pool)
        now = datetime.now(UTC)
        command = OpenCall(
            title=Localised(sv="Mänskliga rättigheter", en="Human rights"),
            opens_at=now - timedelta(days=1),
            closes_at=now + timedelta(days=30),
            zone="Europe/Stockholm",
        )
        call = await open_call(pool, command, key=str(new_id()))
        if call_id is None:
            return call.call_id
        await pool.execute("update calls set call_id = $1", call_id)
        return call_id
    finally:
        await pool.close()
