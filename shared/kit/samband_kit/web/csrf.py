"""CSRF: an unsafe request must come from a page of ours.

Two independent proofs. The browser's word: `Sec-Fetch-Site`, or `Origin` from
browsers that do not send it. And a token that only our pages hold: keyed hash
of a secret in the session, or in a cookie of its own for people who are not
signed in. Forms carry it as `csrf_token`, the JSON API as `X-CSRF-Token`.
A JSON request without a session has nothing that could be abused and needs none.
"""

import hmac
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.requests import Request

from samband_kit.errors import NotAllowed, Refusal
from samband_kit.web.bodies import is_form, posted
from samband_kit.web.context import runtime_of, visit_of
from samband_kit.web.headers import give_cookie, read_cookie
from samband_kit.web.sessions import COOKIE as SESSION_COOKIE
from samband_kit.web.sessions import SignInNeeded
from samband_kit.web.signing import keyed_hash

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FIELD = "csrf_token"
HEADER = "x-csrf-token"
COOKIE = "visit"


class FromElsewhere(NotAllowed):
    """The request came from another website, so we did nothing."""


class PageTooOld(NotAllowed):
    """The page was open for so long that we can no longer tell that it is yours."""

    advice = "Go back, load the page again and send once more."


class CookiesMissing(NotAllowed):
    """Your browser does not keep cookies, so we cannot tell that the page is yours."""

    advice = "Allow cookies for this website in your browser's settings, load the page again and send once more."


class SignedOutMeanwhile(SignInNeeded):
    """You have been signed out, so nothing was sent."""

    advice = "Sign in with your link first. If it no longer works, ask ICLD for a new one."


def csrf_token(request: Request) -> str:
    """The token for this visitor's forms; gives the cookie when there is none yet."""
    secret = _secret(request)
    if secret is None:
        secret = secrets.token_urlsafe(24)
        visit_of(request).csrf_secret = secret
        give_cookie(request, COOKIE, secret)
    return keyed_hash(runtime_of(request).settings.keys[0], "csrf", secret)


async def check_csrf(request: Request) -> None:
    """Refuse an unsafe request that lacks either proof.

    Raises:
        FromElsewhere, PageTooOld, CookiesMissing: 403.
        SignedOutMeanwhile: 401, the page was a session's that has ended.
    """
    if request.method in SAFE:
        return
    _check_origin(request)
    if is_form(request):
        token = (await posted(request)).get(FIELD, "")
    elif visit_of(request).session is not None:
        token = request.headers.get(HEADER, "")
    else:
        return
    if isinstance(token, UploadFile) or not _valid(request, token):
        raise _reason(request)


def comes_from_us(request: Request) -> bool:
    """Whether the browser says so itself; what is silent proves nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("origin") == _our_origin(request)


def _check_origin(request: Request) -> None:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise FromElsewhere
        return
    origin = request.headers.get("origin")
    # "null" is what browsers send with `Referrer-Policy: no-referrer`, our own
    # pages included: it proves nothing either way, and the token decides.
    if origin in {None, "null"}:
        return
    if origin != _our_origin(request):
        raise FromElsewhere


def _our_origin(request: Request) -> str:
    ours = urlsplit(runtime_of(request).settings.public_url)
    return f"{ours.scheme}://{ours.netloc}"


def _reason(request: Request) -> Refusal:
    if visit_of(request).session is not None:
        return PageTooOld()
    if read_cookie(request, SESSION_COOKIE):
        return SignedOutMeanwhile()
    return PageTooOld() if read_cookie(request, COOKIE) else CookiesMissing()


def _valid(request: Request, token: str) -> bool:
    secret = _secret(request)
    if secret is None or not token.isascii():
        return False
    expected = (keyed_hash(key, "csrf", secret) for key in runtime_of(request).settings.keys)
    return any(hmac.compare_digest(one, token) for one in expected)


def _secret(request: Request) -> str | None:
    visit = visit_of(request)
    if visit.session is not None:
        return visit.session.csrf
    return visit.csrf_secret or read_cookie(request, COOKIE)
