"""Accounts: who may sign in as what. Internal state, opaque ids only."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import field_validator

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

    @field_validator("roles", mode="before")
    @classmethod
    def _leave_out_unknown_roles(cls, roles: object) -> object:
        """A role that a newer sender added gives no rights here, and hides no others."""
        if not isinstance(roles, list | tuple):
            return roles
        known = set(Role)
        return [role for role in roles if not isinstance(role, str) or role in known]
