"""Commands on staff accounts, and signing in."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from samband_contracts.values import Role
from samband_kit.accounts import Account, account, put_account
from samband_kit.database import Pool, transaction
from samband_kit.errors import NotAllowed
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


async def staff_account(pool: Pool, *, email: str, name: str) -> UUID:
    """The account of one of staff, made and announced if there is none yet."""
    async with transaction(pool) as conn:
        made = new_id()
        if await store.put(conn, made, email=email, name=name):
            await put_account(conn, Account(made, STAFF_ROLES, epoch=1, active=True))
            return made
        known = await store.account_id(conn, email)
        # The insert above waited for whoever wrote the address first.
        assert known is not None  # noqa: S101 - addresses are never deleted
        return known


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
