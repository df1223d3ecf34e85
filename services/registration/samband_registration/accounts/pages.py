"""Signing in with a link, and signing out."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from samband_kit.web.context import runtime_of
from samband_kit.web.links import Links
from samband_kit.web.pages import page, see_other
from samband_kit.web.sessions import public, sign_in, sign_out

from samband_registration.accounts.handlers import SIGN_IN, use_sign_in_link

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
    return see_other(request, "list_registrations")


@router.post("/logga-ut")
async def leave(request: Request) -> Response:
    """End the session in this browser."""
    sign_out(request)
    return RedirectResponse("/", 303)
