"""SQL of staff accounts: who they are, beside what the kit knows of their rights."""

from collections.abc import Sequence
from uuid import UUID

from samband_kit.database import Connection


async def account_id(conn: Connection, email: str) -> UUID | None:
    """The account of this address."""
    found: UUID | None = await conn.fetchval(
        "select account_id from staff_accounts where lower(email) = lower($1)", email
    )
    return found


async def lock(conn: Connection, account_id: UUID) -> None:
    """Hold the account until the transaction ends, so that no epoch is given twice."""
    await conn.execute("select 1 from accounts where account_id = $1 for update", account_id)


async def put(conn: Connection, account_id: UUID, *, email: str, name: str) -> bool:
    """Write a new account; False if the address has one already."""
    written: bool | None = await conn.fetchval(
        """
        insert into staff_accounts (account_id, email, name) values ($1, $2, $3)
        on conflict (lower(email)) do nothing returning true
        """,
        account_id,
        email,
        name,
    )
    return written is True


async def names(conn: Connection, account_ids: Sequence[UUID]) -> dict[UUID, str]:
    """What the people of these accounts are called."""
    rows = await conn.fetch(
        "select account_id, name from staff_accounts where account_id = any($1)",
        list(account_ids),
    )
    return {row["account_id"]: row["name"] for row in rows}
