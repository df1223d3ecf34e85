"""Commands on staff accounts, and signing in."""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from samband_contracts.values import Role
from samband_kit import audit
from samband_kit.accounts import Account, account, put_account
from samband_kit.database import Connection, Pool, transaction
from samband_kit.errors import Conflict, NotAllowed, NotFound
from samband_kit.ids import new_id
from samband_kit.web.i18n import N_
from samband_kit.web.links import Link, spend_link

from samband_registration.accounts import store

SIGN_IN: Final = "sign-in"
LINK_LIFETIME: Final = timedelta(minutes=10)
STAFF_ROLES: Final = frozenset({Role.STAFF, Role.COORDINATOR})


class AccountClosed(NotAllowed):
    """This account is closed."""

    advice = N_("Ask the person who gave it to you.")


class AccountUnknown(NotFound):
    """Nobody of staff has this e-mail address."""


class OtherRoles(Conflict):
    """The account is there already, with these roles: {roles}."""


async def staff_account(
    pool: Pool,
    *,
    email: str,
    name: str,
    operator: str,
    roles: frozenset[Role] | None = None,
) -> UUID:
    """The account that gets a sign-in link; made and announced if there is none yet.

    Raises:
        AccountClosed: it is closed.
        OtherRoles: it is there, with other roles than `roles`.
    """
    async with transaction(pool) as conn:
        made = new_id()
        if await store.put(conn, made, email=email, name=name):
            who = Account(made, roles or STAFF_ROLES, epoch=1, active=True)
            await put_account(conn, who)
        else:
            who = await _known(conn, email)
            if not who.active:
                raise AccountClosed
            if roles is not None and roles != who.roles:
                raise OtherRoles(roles=", ".join(sorted(who.roles)))
        await audit.record(
            conn,
            operator=operator,
            command="sign-in-link",
            subject=str(who.account_id),
            reason="",
        )
        return who.account_id


async def close_account(conn: Connection, *, email: str, operator: str, reason: str) -> bool:
    """Close the account and end its sessions, in every service; False if it was closed before.

    Raises AccountUnknown.
    """
    who = await _known(conn, email)
    if not who.active:
        return False
    await put_account(conn, replace(who, epoch=who.epoch + 1, active=False))
    await audit.record(
        conn,
        operator=operator,
        command="close-account",
        subject=str(who.account_id),
        reason=reason,
    )
    return True


async def end_sessions(pool: Pool, account_id: UUID) -> None:
    """End all sessions of the account, in every browser and every service."""
    async with transaction(pool) as conn:
        await store.lock(conn, account_id)
        who = await account(conn, account_id)
        if who is not None:
            await put_account(conn, replace(who, epoch=who.epoch + 1))


async def use_sign_in_link(pool: Pool, link: Link) -> Account:
    """Spend the link; the account that it signs in.

    Raises:
        LinkUsed: it was used before.
        AccountClosed: the account is closed, or was never there.
    """
    async with transaction(pool) as conn:
        who = await account(conn, link.id)
        if who is None or not who.active:
            raise AccountClosed
        await spend_link(conn, link)
        return who


async def _known(conn: Connection, email: str) -> Account:
    account_id = await store.account_id(conn, email)
    if account_id is None:
        raise AccountUnknown
    await store.lock(conn, account_id)
    who = await account(conn, account_id)
    if who is None:
        raise AccountUnknown
    return who
