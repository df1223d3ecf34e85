"""Deliveries: what became of each mail. Internal, persons by opaque id."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from samband_contracts.event import Event
from samband_contracts.values import Code, Outcome


class DeliverySettled(Event):
    """A delivery has come to an end, or waits for a person to decide."""

    TYPE: ClassVar[str] = "se.icld.delivery.settled.v1"
    KEY: ClassVar[str] = "delivery_id"

    delivery_id: UUID
    notification_id: UUID
    contact_id: UUID
    template: Code
    outcome: Outcome
    reason: Code | None = None

    @property
    def summary(self) -> str:
        return f"Delivery {self.outcome}: {self.template} ({self.delivery_id})"
