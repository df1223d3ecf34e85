"""Networks and their life. Public."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from samband_contracts.event import Event
from samband_contracts.values import Localised


class _NetworkEvent(Event):
    KEY: ClassVar[str] = "network_id"

    network_id: UUID


class NetworkAnnounced(_NetworkEvent):
    """There will be a network; `call_id` is the call that feeds it."""

    TYPE: ClassVar[str] = "se.icld.network.announced.v1"

    name: Localised
    round: int
    call_id: UUID | None = None

    @property
    def summary(self) -> str:
        return f"Network announced: {self.name.en}, round {self.round}"


class NetworkOpened(_NetworkEvent):
    """The network takes members."""

    TYPE: ClassVar[str] = "se.icld.network.opened.v1"


class NetworkLaunched(_NetworkEvent):
    """The kickoff has been held: the network is running."""

    TYPE: ClassVar[str] = "se.icld.network.launched.v1"


class NetworkPaused(_NetworkEvent):
    """The network rests."""

    TYPE: ClassVar[str] = "se.icld.network.paused.v1"


class NetworkResumed(_NetworkEvent):
    """The network goes on after a pause."""

    TYPE: ClassVar[str] = "se.icld.network.resumed.v1"


class NetworkFinished(_NetworkEvent):
    """The network is closing: it waits for its partnerships to end."""

    TYPE: ClassVar[str] = "se.icld.network.finished.v1"


class NetworkClosed(_NetworkEvent):
    """The network has ended."""

    TYPE: ClassVar[str] = "se.icld.network.closed.v1"


class NetworkCancelled(_NetworkEvent):
    """The network will not take place."""

    TYPE: ClassVar[str] = "se.icld.network.cancelled.v1"


NetworkEvent = (
    NetworkAnnounced
    | NetworkOpened
    | NetworkLaunched
    | NetworkPaused
    | NetworkResumed
    | NetworkFinished
    | NetworkClosed
    | NetworkCancelled
)
