"""Problems: how a refusal looks from outside.

Under `/api`, or when the client asks for JSON, RFC 9457 problem details with
the type `urn:samband:problem:<kebab-class-name>`; otherwise a page that says
what can be done next. Both carry the request's correlation id, which is what
support searches for. What went wrong inside is logged, never shown.

A refusal class may say what to do next in `advice`; else its status does.
"""

import re
from collections.abc import Mapping

import asyncpg
from starlette.requests import Request

from samband_kit.errors import Conflict, Gone, Invalid, NotAllowed, NotFound, Refusal, TooMany
from samband_kit.outages import LOCAL_FILES, PASSING
from samband_kit.web.context import web_of
from samband_kit.web.i18n import N_, _


class PageMissing(NotFound):
    """This page does not exist."""


class WrongMethod(Refusal):
    """This address cannot be used in that way."""

    status = 405


class BodyTooSlow(Refusal):
    """What you sent took too long to arrive."""

    status = 408


class BodyTooLarge(Refusal):
    """What you sent is too large."""

    status = 413


class Unreadable(Refusal):
    """We could not read what was sent."""


class Unavailable(Refusal):
    """The service is busy or being restarted. Nothing that you wrote is lost."""

    status = 503


class OurFault(Refusal):
    """Something went wrong on our side. Nothing that you wrote is lost."""

    status = 500


STATUSES: Mapping[type[Exception], int] = {
    **dict.fromkeys(PASSING, 503),
    # "connection is closed": what is said to whoever still holds one that Postgres ended.
    asyncpg.InterfaceError: 503,
    # Text that no table can hold, such as a NUL.
    asyncpg.CharacterNotInRepertoireError: 400,
    asyncpg.UntranslatableCharacterError: 400,
    **dict.fromkeys(LOCAL_FILES, 500),
}
"""Exceptions that are no refusals; refusals carry their status themselves."""

BY_STATUS: Mapping[int, type[Refusal]] = {
    400: Unreadable,
    403: NotAllowed,
    404: PageMissing,
    405: WrongMethod,
    408: BodyTooSlow,
    409: Conflict,
    410: Gone,
    413: BodyTooLarge,
    415: Unreadable,
    422: Invalid,
    429: TooMany,
    500: OurFault,
    503: Unavailable,
}

NEXT: Mapping[int, str] = {
    400: N_("Go back, check what you sent and send it again."),
    401: N_("Sign in and try again."),
    403: N_("Go to the start page, or sign in with an account that has access."),
    404: N_("Check the address. If you followed a link in a mail, copy the whole link."),
    405: N_("Go back and use the links and buttons on the page."),
    408: N_("Check your connection, then go back and send again."),
    409: N_("Go back and load the page again to see how things are now."),
    410: N_("The start page shows what is open now."),
    413: N_("Go back, shorten the text and send again."),
    415: N_("Go back, load the page again and send once more."),
    422: N_("Go back: what you wrote is still there. Change it and send again."),
    429: N_("Wait a while and then try again."),
    500: N_("Go back and try again. If it happens again, tell us the error id below."),
    503: N_("Wait a minute and load the page again."),
}


def status_of(request: Request, error: Exception) -> int:
    """The HTTP status: the app's own table, then the refusal's, then ours, then 500."""
    own = web_of(request).statuses
    for kind in type(error).__mro__:
        if kind in own:
            return own[kind]
        if isinstance(error, Refusal) and "status" in vars(kind):
            return int(vars(kind)["status"])
        if kind in STATUSES:
            return STATUSES[kind]
    return 500


def kind_of(refusal: Refusal) -> str:
    """`RegistrationClosed` is `registration-closed`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(refusal).__name__).lower()


def message_of(refusal: Refusal) -> str:
    """What happened, in the reader's language."""
    return _(refusal.message, **refusal.facts)


def advice_for(refusal: Refusal, status: int) -> str:
    """What can be done next, in the reader's language."""
    return _(refusal.advice or NEXT.get(status, NEXT[500]))
