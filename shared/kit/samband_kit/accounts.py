"""Accounts: who may sign in, as every service knows it.

Registration owns the accounts and announces them on the account state topic;
the other services keep this projection, so that a session can be checked
without asking anybody. Accounts are opaque ids: no names, no addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from samband_contracts import topics
from samband_contracts.accounts import AccountDescribed
from samband_contracts.values import Role

from samband_kit import outbox
from samband_kit.reactions import Reaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from samband_contracts.event import CloudEvent

    from samband_kit.database import Connection


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may sign in while `active`; sessions of older epochs are void."""

    account_id: UUID
    roles: frozenset[Role]
    epoch: int
    active: bool


async def account(conn: Connection, account_id: UUID) -> Account | None:
    """The account as last announced, None if it was never."""
    row = await conn.fetchrow(
        "select account_id, roles, epoch, active from accounts where account_id = $1", account_id
    )
    if row is None:
        return None
    # A role that a newer registration knows and this service does not gives no rights here.
    known = frozenset(role for role in Role if role.value in row["roles"])
    return Account(UUID(str(row["account_id"])), known, row["epoch"], row["active"])


async def put_account(conn: Connection, changed: Account) -> None:
    """Write the account and announce it, in the caller's transaction.

    Only registration calls this; the others follow by `ACCOUNT_REACTION`.
    """
    await _write(conn, [changed])
    event = AccountDescribed(
        account_id=changed.account_id,
        roles=tuple(sorted(changed.roles)),
        epoch=changed.epoch,
        active=changed.active,
    )
    await outbox.append(conn, [event])


async def on_account_described(
    conn: Connection, events: Sequence[CloudEvent[AccountDescribed]]
) -> None:
    """Follow what registration announced."""
    facts = [event.data for event in events]
    await _write(
        conn,
        [
            Account(fact.account_id, frozenset(fact.roles), fact.epoch, fact.active)
            for fact in facts
        ],
    )


ACCOUNT_REACTION = Reaction(topics.ACCOUNT_STATE, {AccountDescribed: on_account_described})


async def _write(conn: Connection, changed: Sequence[Account]) -> None:
    # Roles travel as one text each, because unnest flattens arrays of arrays.
    await conn.execute(
        """
        insert into accounts (account_id, roles, epoch, active)
        select account_id, string_to_array(roles, ','), epoch, active
        from unnest($1::uuid[], $2::text[], $3::int[], $4::boolean[])
          as changed (account_id, roles, epoch, active)
        on conflict (account_id) do update
          set roles = excluded.roles, epoch = excluded.epoch, active = excluded.active
        """,
        [one.account_id for one in changed],
        [",".join(sorted(one.roles)) for one in changed],
        [one.epoch for one in changed],
        [one.active for one in changed],
    )
