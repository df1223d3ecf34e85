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

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fastapi import Depends
from samband_contracts.values import Role
from starlette.requests import Request

from samband_kit.accounts import Account
from samband_kit.errors import NotAllowed

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)


@dataclass(frozen=True)
class Session:
    """A signed-in person. `csrf` is the secret that their forms are bound to."""

    subject: UUID
    roles: frozenset[Role]
    epoch: int
    expires_at: datetime
    csrf: str


class SignInNeeded(NotAllowed):
    """You need to sign in to see this page. Ask ICLD for a sign-in link."""

    status = 401


class RoleMissing(NotAllowed):
    """Your account has no access to this page. Ask the person who gave you the account."""


@dataclass(frozen=True)
class Rule:
    """Who may use a route; None is everybody. Called by FastAPI as a dependency."""

    roles: frozenset[Role] | None

    async def __call__(self, request: Request) -> Session | None:
        raise NotImplementedError


def require(*roles: Role) -> Rule:
    """The rule that a signed-in person has one of `roles`; the dependency's value is the Session.

    Raises SignInNeeded (401) or RoleMissing (403). Without roles nobody passes.
    """
    return Rule(frozenset(roles))


public = Depends(Rule(None))
"""The rule of a route that anybody may use; its personal link, if any, is checked by the handler."""


def session_of(request: Request) -> Session | None:
    """Who is signed in on this request, on public routes too."""
    raise NotImplementedError


def sign_in(request: Request, account: Account) -> None:
    """The response to this request begins a new session for `account`."""
    raise NotImplementedError


def sign_out(request: Request) -> None:
    """The response to this request ends the session in this browser."""
    raise NotImplementedError
