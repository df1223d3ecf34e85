"""Style page: every component on one living page, `/stil`, in both languages."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from samband_kit.errors import Invalid
from samband_kit.web.forms import Ask, Form, read_form
from samband_kit.web.i18n import N_
from samband_kit.web.pages import page
from samband_kit.web.sessions import public
from samband_kit.web.text import Email, Line, PersonName, Prose

router = APIRouter()

TEMPLATE = "style_page.html"
MEETING = (datetime(2027, 2, 9, 9, 0, tzinfo=UTC), datetime(2027, 2, 9, 10, 30, tzinfo=UTC))


class Sample(Form):
    """The form of the style page; it is checked and nothing happens."""

    organisation: Annotated[
        str, Line(120), Ask(N_("Choose a municipality or region from the list."))
    ]
    name: Annotated[PersonName, Ask(N_("Write your name."))]
    email: Annotated[Email, Ask(N_("Write your e-mail address."))]
    role: Annotated[Literal["politician", "official"], Ask(N_("Choose politician or official."))]
    topics: tuple[str, ...] = ()
    country: Literal["ZM", "BW", "ZA"] | None = None
    reminders: bool = False
    message: Annotated[str, Prose(2000)] = ""


@router.get("/stil", dependencies=[public])
async def style(request: Request) -> Response:
    """Show the components."""
    return page(request, TEMPLATE, meeting=MEETING)


@router.post("/stil", dependencies=[public])
async def try_style(request: Request) -> Response:
    """Check the sample form, to see how errors look."""
    try:
        await read_form(request, Sample, human="style")
    except Invalid as refused:
        return page(request, TEMPLATE, refused=refused, meeting=MEETING)
    return page(request, TEMPLATE, meeting=MEETING, thanks=True)
