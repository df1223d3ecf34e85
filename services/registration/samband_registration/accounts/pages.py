"""Signing in with a link, and signing out."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from samband_kit.web.context import runtime_of
from samband_kit.web.links import Links
from samband_kit.web.navigation import menu
from samband_kit.web.pages import page
from samband_kit.web.sessions import public, session_of, sign_in, sign_out

from samband_registration.accounts.handlers import SIGN_IN, end_sessions, use_sign_in_link

router = APIRouter(dependencies=[public])


@router.get("/logga-in/{token}")
async def ask_to_sign_in(request: Request, token: str) -> Response:
    """A button that signs in: opening the link alone uses nothing up."""
    Links(runtime_of(request).settings).verify(SIGN_IN, token)
    return page(request, "accounts/sign_in.html", token=token)


@router.post("/logga-in/{token}")
async def use_link(request: Request, token: str) -> Response:
    """Begin a session; the link is used up."""
    link = Links(runtime_of(request).settings).verify(SIGN_IN, token)
    sign_in(request, await use_sign_in_link(runtime_of(request).pool, link))
    mine = menu(session_of(request))
    return RedirectResponse(mine[0].path if mine else "/", 303)


@router.post("/logga-ut")
async def leave(request: Request) -> Response:
    """End the session, and all others of the account: a copied cookie is worth nothing then."""
    session = session_of(request)
    if session is not None:
        await end_sessions(runtime_of(request).pool, session.subject)
    sign_out(request)
    return RedirectResponse("/", 303)
