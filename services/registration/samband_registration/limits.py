"""Limits of the public form: per network, over all, and per e-mail address.

The first two count attempts; the last one counts the mails that strangers
make us send. What is counted says nothing about whether an address is known
to us.
"""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import Request
from samband_kit.database import Connection
from samband_kit.errors import TooMany
from samband_kit.web import limits
from samband_kit.web.context import runtime_of
from samband_kit.web.i18n import N_
from samband_kit.web.limits import keyed, visitor

from samband_registration.settings import settings_of

ACTION = "register-interest"


class AddressNamedTooOften(TooMany):
    """So many registrations have named this e-mail address that it gets no more mails for now."""

    advice = N_("Send the registration tomorrow, or name another address.")


@dataclass(frozen=True, slots=True)
class Terms:
    """What applies to one registration, whoever sends it.

    `bucket` stands for the address's mailbox and cannot be traced back to it.
    """

    bucket: str
    mails_per_day: int
    time_to_confirm: timedelta


async def spend_attempt(request: Request) -> None:
    """Count one use of the form.

    Raises:
        TooMany: this network, or everybody together, has used it too often.
    """
    runtime = runtime_of(request)
    settings = settings_of(runtime)
    hour = timedelta(hours=1)
    network = visitor(request, ACTION)
    await limits.spend_attempt(
        runtime.pool, network, limit=settings.network_limit_per_hour, per=hour
    )
    await limits.spend_attempt(
        runtime.pool, ACTION, limit=settings.overall_limit_per_hour, per=hour
    )


def terms(request: Request, email: str) -> Terms:
    """The terms for a registration that names `email`."""
    settings = settings_of(runtime_of(request))
    return Terms(
        bucket=keyed(request, ACTION, one_mailbox(email)),
        mails_per_day=settings.address_limit_per_day,
        time_to_confirm=settings.time_to_confirm,
    )


async def spend_mail(conn: Connection, given: Terms) -> None:
    """Count one mail to the address, in the transaction that leads to it.

    So only mails count: not what is refused, nor the same registration sent twice.

    Raises:
        AddressNamedTooOften: it has got as many today as it may.
    """
    try:
        await limits.spend(conn, given.bucket, limit=given.mails_per_day, per=timedelta(days=1))
    except TooMany as reached:
        raise AddressNamedTooOften(**reached.facts) from None


def one_mailbox(email: str) -> str:
    """The address without what makes many of one mailbox: case, dots and a +tag."""
    local, _, domain = email.lower().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"
