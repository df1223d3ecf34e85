"""Accounts: who may sign in as what. Internal state, opaque ids only."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from samband_contracts.event import Event
from samband_contracts.values import Role


class AccountDescribed(Event):
    """What an account may do now. A session of a lower `epoch` has ended."""

    TYPE: ClassVar[str] = "se.icld.account.described.v1"
    KEY: ClassVar[str] = "account_id"

    account_id: UUID
    roles: tuple[Role, ...]
    epoch: int
    active: bool
