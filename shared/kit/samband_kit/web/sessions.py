"""Sessions: who is signed in, and what a route demands.

The session is a signed cookie that every service verifies by itself, and then
against its own table of accounts: a raised epoch or a closed account ends it
at once, and roles are always the account's present ones. It ends after 30
minutes without a request and after 12 hours in any case.

Every route names its rule, `require(...)` or `public`:

    router = APIRouter(prefix="/handlaggning")

    @router.get("/anmalningar")
    async def list_registrations(
        request: Request, session: Annotated[Session, Depends(require(Role.STAFF))]
    ) -> Response: ...

    @router.get("/", dependencies=[public])
    async def start(request: Request) -> Response: ...
"""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID

from fastapi import Depends
from itsdangerous import BadData, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode
from samband_contracts.values import Role
from starlette.requests import Request

from samband_kit.accounts import Account, account
from samband_kit.errors import NotAllowed
from samband_kit.web.context import runtime_of, visit_of
from samband_kit.web.headers import give_cookie, read_cookie
from samband_kit.web.signing import timestamp_signer

COOKIE = "session"
IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
RENEWED_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Session:
    """A signed-in person. `csrf` is the secret that their forms are bound to."""

    subject: UUID
    roles: frozenset[Role]
    epoch: int
    expires_at: datetime
    csrf: str


class SignInNeeded(NotAllowed):
    """You need to sign in to see this page."""

    status = 401
    advice = "Sign in with your link. If it no longer works, ask ICLD for a new one."


class RoleMissing(NotAllowed):
    """Your account has no access to this page."""

    advice = "If you need it for your work, ask the person who gave you the account."


@dataclass(frozen=True)
class Rule:
    """Who may use a route; None is everybody. FastAPI calls it as a dependency."""

    roles: frozenset[Role] | None

    async def __call__(self, request: Request) -> Session | None:
        session = visit_of(request).session
        if self.roles is None:
            return session
        if session is None:
            raise SignInNeeded
        if not session.roles & self.roles:
            raise RoleMissing
        return session


def require(*roles: Role) -> Rule:
    """The rule that a signed-in person has one of `roles`; the dependency's value is the Session.

    Raises SignInNeeded (401) or RoleMissing (403). Without roles nobody passes.
    """
    return Rule(frozenset(roles))


public: Any = Depends(Rule(None))
"""The rule of a route that anybody may use; its personal link, if any, is checked by the handler."""


def session_of(request: Request) -> Session | None:
    """Who is signed in on this request, on public routes too."""
    return visit_of(request).session


def sign_in(request: Request, who: Account) -> None:
    """The answer to this request begins a new session for `who`."""
    now = datetime.now(UTC)
    cookie = _Cookie(
        subject=str(who.account_id),
        epoch=who.epoch,
        began=int(now.timestamp()),
        csrf=secrets.token_urlsafe(24),
    )
    _give(request, cookie)
    visit_of(request).session = _session(cookie, who, now)


def sign_out(request: Request) -> None:
    """The answer to this request ends the session in this browser."""
    give_cookie(request, COOKIE, "", max_age=0)
    visit_of(request).session = None


async def identify(request: Request) -> None:
    """Find out who asks, before any rule; a session in use is prolonged.

    A cookie that is forged, too old, of a lower epoch than the account's or of
    a closed account is as good as none. A higher epoch passes: it was signed
    by the owner, whose news have not reached this service yet.
    """
    raw = read_cookie(request, COOKIE)
    opened = None if raw is None else _opened(request, raw)
    if opened is None:
        return
    cookie, issued_at = opened
    now = datetime.now(UTC)
    if now.timestamp() - cookie["began"] >= ABSOLUTE.total_seconds():
        return
    async with runtime_of(request).pool.acquire() as conn:
        known = await account(conn, UUID(cookie["subject"]))
    if known is None or not known.active or cookie["epoch"] < known.epoch:
        return
    visit_of(request).session = _session(cookie, known, now)
    if now - issued_at > RENEWED_AFTER:
        _give(request, cookie)


class _Cookie(TypedDict):
    subject: str
    epoch: int
    began: int
    csrf: str


def _session(cookie: _Cookie, who: Account, now: datetime) -> Session:
    ends = datetime.fromtimestamp(cookie["began"], UTC) + ABSOLUTE
    return Session(who.account_id, who.roles, who.epoch, min(ends, now + IDLE), cookie["csrf"])


def _give(request: Request, cookie: _Cookie) -> None:
    value = base64_encode(json.dumps(cookie, separators=(",", ":")))
    give_cookie(request, COOKIE, _signer(request).sign(value).decode())


def _opened(request: Request, raw: str) -> tuple[_Cookie, datetime] | None:
    try:
        value, issued_at = _signer(request).unsign(
            raw, max_age=int(IDLE.total_seconds()), return_timestamp=True
        )
        cookie: _Cookie = json.loads(base64_decode(value))
    except (BadData, ValueError):
        return None
    return cookie, issued_at


def _signer(request: Request) -> TimestampSigner:
    return timestamp_signer(runtime_of(request).settings, "session")
