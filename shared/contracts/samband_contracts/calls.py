"""Calls: periods in which interest can be registered. Public."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from samband_contracts.event import Event
from samband_contracts.values import Localised, Moment, ZoneName


class _CallEvent(Event):
    KEY: ClassVar[str] = "call_id"

    call_id: UUID


class CallOpened(_CallEvent):
    """Interest can be registered from `opens_at` until `closes_at`."""

    TYPE: ClassVar[str] = "se.icld.call.opened.v1"

    title: Localised
    opens_at: Moment
    closes_at: Moment
    zone: ZoneName

    @property
    def summary(self) -> str:
        return f"Call opened: {self.title.en}"


class CallClosed(_CallEvent):
    """No more interest is registered in this call."""

    TYPE: ClassVar[str] = "se.icld.call.closed.v1"

    closed_at: Moment


CallEvent = CallOpened | CallClosed
