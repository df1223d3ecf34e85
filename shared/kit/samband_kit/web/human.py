"""Human check: small hurdles for forms that anybody may send.

`ui.form(action, human="name")` puts a field that people never see and a signed
token that says when the form was shown into the page; `read_form(..., human=
"name")` refuses what a script would send. The refusals are ordinary `Invalid`:
the page comes again with everything that was typed.
"""

import secrets
from collections.abc import Mapping

from itsdangerous import BadData, SignatureExpired, TimestampSigner
from starlette.datastructures import FormData
from starlette.requests import Request

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


def form_token(request: Request, action: str) -> str:
    """The token for a form of `action`; one that came with a form that is shown again is kept."""
    form = visit_of(request).form
    shown_before = form.get(TOKEN) if form is not None else None
    if isinstance(shown_before, str) and _age(request, action, shown_before) is not None:
        return shown_before
    return _signer(request, action).sign(secrets.token_urlsafe(9)).decode()


def check_human(request: Request, action: str, form: FormData | Mapping[str, str]) -> None:
    """Raises TooQuick, FormTooOld or LooksAutomated."""
    if form.get(TRAP):
        raise LooksAutomated
    token = form.get(TOKEN)
    age = _age(request, action, token) if isinstance(token, str) else None
    if age is None:
        raise FormTooOld
    if age < runtime_of(request).settings.human_seconds:
        raise TooQuick


def _age(request: Request, action: str, token: str) -> float | None:
    """Seconds since the form was shown; None for a token that is not ours or too old."""
    signer = _signer(request, action)
    try:
        _, shown_at = signer.unsign(token, max_age=A_DAY, return_timestamp=True)
    except (SignatureExpired, BadData, UnicodeEncodeError):
        return None
    return signer.get_timestamp() - shown_at.timestamp()


def _signer(request: Request, action: str) -> TimestampSigner:
    return timestamp_signer(runtime_of(request).settings, f"form.{action}")
