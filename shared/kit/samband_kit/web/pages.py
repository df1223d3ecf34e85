"""Pages: templates in, HTML out.

`page(request, "meetings/form.html")` finds `<package>/meetings/templates/form.html`,
`"layout.html"` the kit's own. In every template:

    _("..."), ngettext()          sentences in the reader's language
    language                      "sv" or "en"
    url(name, **path_params)      address of a route by its function's name
    static(file)                  address of a file in the kit's static folder
    session                       who is signed in, or None
    format_datetime, format_period, format_date
    typed, errors                 what the form's fields show again and say
    csrf_field(), idempotency_field(), form_token(action)   used by `ui.form`

Everything is escaped; a name that does not exist is an error, not a blank.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from samband_kit.errors import Refusal


def page(
    request: Request,
    template: str,
    /,
    *,
    status: int = 200,
    refused: Refusal | None = None,
    **context: Any,
) -> HTMLResponse:
    """Render a page in the reader's language.

    With `refused` the page has that refusal's status, its title begins with
    "Fel:", the summary on top takes the focus, and fields show what was typed.
    """
    raise NotImplementedError


def see_other(request: Request, name: str, /, **path_params: Any) -> RedirectResponse:
    """Answer a form: 303 to the route called `name`, so that reloading does not send it again."""
    raise NotImplementedError
