"""Kept: what a refused form held, so that nothing typed is lost.

Only for forms that the browser itself says came from a page of ours: nobody
else may put words, or a button that sends, into our pages. The body limit
bounds what is carried on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from samband_kit.errors import Refusal
from samband_kit.web.context import visit_of
from samband_kit.web.csrf import FIELD, CookiesMissing, PageTooOld, comes_from_us
from samband_kit.web.forms import TECHNICAL
from samband_kit.web.i18n import N_
from samband_kit.web.sessions import SignInNeeded

ADVICE: Mapping[type[Refusal], str] = {
    PageTooOld: N_("What you wrote is kept: send it again."),
    CookiesMissing: N_(
        "Allow cookies for this website in your browser's settings. What you wrote is kept: "
        "then send it again."
    ),
}
"""What to do where the page has a button that sends again."""


@dataclass(frozen=True)
class Kept:
    """What was typed, to be read; with `advice` also all fields, to be sent to `action` again."""

    texts: tuple[str, ...]
    action: str
    fields: tuple[tuple[str, str], ...]
    advice: str | None


def kept(request: Request, refusal: Refusal) -> Kept | None:
    """What the refused form held; None unless it was refused for its token or session."""
    form = visit_of(request).form
    if form is None or not isinstance(refusal, (PageTooOld, CookiesMissing, SignInNeeded)):
        return None
    if not comes_from_us(request):
        return None
    fields = tuple(
        (name, value)
        for name, value in form.multi_items()
        if isinstance(value, str) and name != FIELD
    )
    query = request.url.query
    return Kept(
        texts=tuple(value for name, value in fields if name not in TECHNICAL and _is_text(value)),
        action=f"{request.url.path}?{query}" if query else request.url.path,
        fields=fields,
        advice=ADVICE.get(type(refusal)),
    )


def _is_text(value: str) -> bool:
    """Whether it tells its writer something: ids do not."""
    try:
        UUID(value)
    except ValueError:
        return bool(value.strip())
    return False
