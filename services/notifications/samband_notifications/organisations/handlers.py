"""Organisations: following what registration says about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samband_notifications.organisations import store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.event import CloudEvent
    from samband_contracts.organisations import OrganisationDescribed
    from samband_kit.database import Connection


async def on_organisation_described(
    conn: Connection, events: Sequence[CloudEvent[OrganisationDescribed]]
) -> None:
    """Remember what the organisations are called."""
    await store.put(conn, [event.data.organisation for event in events])
