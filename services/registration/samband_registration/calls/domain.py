"""Calls: the periods in which interest can be registered. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from samband_contracts.calls import CallClosed, CallOpened
from samband_contracts.values import Localised
from samband_kit.errors import FieldErrors, Gone, NotFound


class CallUnknown(NotFound):
    """There is no such call."""


class CallNotOpen(Gone):
    """This call does not take registrations now."""


class ClosesBeforeOpening(FieldErrors):
    """The call must close after it opens."""

    def __init__(self) -> None:
        super().__init__({"closes_at": self.message})


class ClosesInThePast(FieldErrors):
    """The call must close later than now."""

    def __init__(self) -> None:
        super().__init__({"closes_at": self.message})


@dataclass(frozen=True, slots=True)
class Call:
    """A period for registrations; `zone` is the one its times are announced in."""

    call_id: UUID
    title: Localised
    opens_at: datetime
    closes_at: datetime
    zone: str
    closed_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether interest can be registered at `now`."""
        return self.opens_at <= now < self.closes_at and self.closed_at is None

    def is_over(self, now: datetime) -> bool:
        """Whether the period has passed."""
        return now >= self.closes_at or self.closed_at is not None


@dataclass(frozen=True, slots=True)
class OpenCall:
    """Staff announce a call."""

    title: Localised
    opens_at: datetime
    closes_at: datetime
    zone: str


def open_call(command: OpenCall, call_id: UUID, now: datetime) -> tuple[Call, CallOpened]:
    """A new call; it must close after it opens, and in the future."""
    if command.closes_at <= command.opens_at:
        raise ClosesBeforeOpening
    if command.closes_at <= now:
        raise ClosesInThePast
    call = Call(call_id, command.title, command.opens_at, command.closes_at, command.zone)
    return call, CallOpened(
        call_id=call_id,
        title=command.title,
        opens_at=command.opens_at,
        closes_at=command.closes_at,
        zone=command.zone,
    )


def close(call: Call, now: datetime) -> tuple[Call, CallClosed | None]:
    """The call once its period has passed; no event before that, or a second time."""
    if call.closed_at is not None or now < call.closes_at:
        return call, None
    return replace(call, closed_at=now), CallClosed(call_id=call.call_id, closed_at=now)
