"""Human check: small hurdles for forms that anybody may send.

`ui.form(action, human="name")` puts a field that people never see and a signed
token that says when the form was shown into the page; `read_form(..., human=
"name")` refuses what a script would send. The refusals are ordinary `Invalid`:
the page comes again with everything that was typed. `spend_form`, in the
transaction of what the form does, lets one shown form do it once.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadData, SignatureExpired, TimestampSigner
from starlette.datastructures import FormData
from starlette.requests import Request

from samband_kit.database import Connection
from samband_kit.errors import Invalid
from samband_kit.web.context import runtime_of, visit_of
from samband_kit.web.signing import timestamp_signer

TOKEN = "form_token"  # noqa: S105 - a field's name
TRAP = "website"
A_DAY = 24 * 60 * 60


class TooQuick(Invalid):
    """That was quicker than we can tell from a robot. Wait a few seconds and send again."""


class FormTooOld(Invalid):
    """The page was open for more than a day. Check your answers and send again."""


class LooksAutomated(Invalid):
    """A field that should be left empty was filled in. Check your answers and send again."""


class FormSentBefore(Invalid):
    """This form has been sent before. Check your answers and send again if you want to send one more."""


@dataclass(frozen=True)
class Showing:
    """One form on one page, as its token says."""

    nonce: str
    shown_at: datetime


def form_token(request: Request, action: str) -> str:
    """The token for a form of `action`; one that came with a form that is shown again is kept."""
    visit = visit_of(request)
    shown_before = visit.form.get(TOKEN) if visit.form is not None else None
    spent = visit.refusal == "form-sent-before"
    if isinstance(shown_before, str) and not spent and _showing(request, action, shown_before):
        return shown_before
    return _signer(request, action).sign(secrets.token_urlsafe(9)).decode()


def check_human(request: Request, action: str, form: FormData | Mapping[str, str]) -> Showing:
    """The form that was sent, to be spent. Raises TooQuick, FormTooOld or LooksAutomated."""
    if form.get(TRAP):
        raise LooksAutomated
    token = form.get(TOKEN)
    showing = _showing(request, action, token) if isinstance(token, str) else None
    if showing is None:
        raise FormTooOld
    age = _signer(request, action).get_timestamp() - showing.shown_at.timestamp()
    if age < runtime_of(request).settings.human_seconds:
        raise TooQuick
    return showing


async def spend_form(conn: Connection, showing: Showing) -> None:
    """Use up a shown form, in the transaction of what it does.

    Call it once `idempotency.once` has said that the key is new, so that a
    double click is harmless. Raises FormSentBefore.
    """
    spent = await conn.fetchval(
        """
        insert into spent_nonces (nonce, expires_at) values ($1, $2)
        on conflict (nonce) do nothing
        returning nonce
        """,
        f"form:{showing.nonce}",
        showing.shown_at + timedelta(seconds=A_DAY),
    )
    if spent is None:
        raise FormSentBefore


def _showing(request: Request, action: str, token: str) -> Showing | None:
    """What the token says; None for one that is not ours or too old."""
    signer = _signer(request, action)
    try:
        nonce, shown_at = signer.unsign(token, max_age=A_DAY, return_timestamp=True)
    except (SignatureExpired, BadData, UnicodeEncodeError):
        return None
    return Showing(nonce.decode(), shown_at)


def _signer(request: Request, action: str) -> TimestampSigner:
    return timestamp_signer(runtime_of(request).settings, f"form.{action}")
