"""What this service does when registration opens or closes a call."""

from collections.abc import Sequence

from samband_contracts.calls import CallClosed, CallOpened
from samband_contracts.event import CloudEvent
from samband_kit.database import Connection

from samband_networks.calls import store


async def on_call_opened(conn: Connection, events: Sequence[CloudEvent[CallOpened]]) -> None:
    """From now on a network can be fed by the call."""
    await store.open_calls(conn, [event.data for event in events])


async def on_call_closed(conn: Connection, events: Sequence[CloudEvent[CallClosed]]) -> None:
    """The call takes no more registrations; those it has may still be accepted."""
    await store.close_calls(conn, [event.data for event in events])
