"""Limits of the public form: per e-mail address, per network, and over all.

What is counted says nothing about whether an address is known to us.
"""

from datetime import timedelta

from fastapi import Request
from samband_kit.web.context import runtime_of
from samband_kit.web.limits import keyed, spend, visitor

from samband_registration.settings import RegistrationSettings

ACTION = "register-interest"


async def spend_limits(request: Request, email: str) -> None:
    """Count one registration that names `email`.

    Raises:
        TooMany: one of the limits is reached.
    """
    runtime = runtime_of(request)
    settings = runtime.settings
    assert isinstance(settings, RegistrationSettings)  # noqa: S101 - as main.py declares
    hour = timedelta(hours=1)
    await spend(
        runtime.pool, visitor(request, ACTION), limit=settings.network_limit_per_hour, per=hour
    )
    await spend(runtime.pool, ACTION, limit=settings.overall_limit_per_hour, per=hour)
    await spend(
        runtime.pool,
        keyed(request, ACTION, one_mailbox(email)),
        limit=settings.address_limit_per_day,
        per=timedelta(days=1),
    )


def one_mailbox(email: str) -> str:
    """The address without what makes many of one mailbox: case, dots and a +tag."""
    local, _, domain = email.lower().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"
