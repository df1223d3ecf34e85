"""Pages: templates in, HTML out.

`page(request, "meetings/form.html")` finds `<package>/meetings/templates/form.html`,
`"layout.html"` the kit's own. In every template:

    _("..."), ngettext()          sentences in the reader's language
    language                      "sv" or "en"
    url(name, **path_params)      address of a route by its function's name
    here_with(**query)            this page's address with other query parameters
    static(file)                  address of a file in the kit's static folder
    session                       who is signed in, or None
    format_datetime, format_period, format_date
    typed, typed_all, errors      what the form's fields show again and say
    csrf_field(), idempotency_field(), form_token(action)   used by `ui.form`

Everything is escaped; a name that does not exist is an error, not a blank.
"""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from samband_kit.errors import Refusal
from samband_kit.ids import new_id
from samband_kit.web.context import Visit, visit_of, web_of
from samband_kit.web.csrf import csrf_token
from samband_kit.web.human import form_token
from samband_kit.web.i18n import _
from samband_kit.web.navigation import menu
from samband_kit.web.problems import kind_of, message_of, status_of


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
    visit = visit_of(request)
    errors: dict[str, str] = {}
    error_message = None
    if refused is not None:
        status = status_of(request, refused)
        visit.refusal = kind_of(refused)
        errors = {name: _(message) for name, message in refused.fields.items()}
        error_message = message_of(refused)
    html = (
        web_of(request)
        .templates.get_template(template)
        .render(
            {
                **_given(request, visit),
                "errors": errors,
                "error_message": error_message,
                **context,
            }
        )
    )
    return HTMLResponse(html, status)


def see_other(request: Request, name: str, /, **path_params: Any) -> RedirectResponse:
    """Answer a form: 303 to the route called `name`, so that reloading does not send it again."""
    return RedirectResponse(address(request, name, **path_params), 303)


def address(request: Request, name: str, /, **path_params: Any) -> str:
    """The path of the route called `name`, never with a host: hosts can be made up."""
    return str(request.app.url_path_for(name, **path_params))


def here_with(request: Request, **query: object) -> str:
    """This page's path with its query changed; None takes a parameter away."""
    kept = {name: value for name, value in request.query_params.items() if name not in query}
    kept |= {name: str(value) for name, value in query.items() if value is not None}
    return f"{request.url.path}?{urlencode(kept)}" if kept else request.url.path


def _given(request: Request, visit: Visit) -> dict[str, Any]:
    form = visit.form if visit.form is not None else FormData()
    return {
        "language": visit.language,
        "language_switch": _language_switch(request, visit),
        "site_name": web_of(request).title,
        "session": visit.session,
        "nav": menu(visit.session),
        "path": request.url.path,
        "typed": {name: value for name, value in form.items() if isinstance(value, str)},
        "typed_all": {name: form.getlist(name) for name in form},
        "url": partial(address, request),
        "here_with": partial(here_with, request),
        "csrf_field": lambda: _hidden("csrf_token", csrf_token(request)),
        "idempotency_field": lambda: _hidden("idempotency_key", _idempotency_key(form)),
        "form_token": partial(form_token, request),
    }


def _language_switch(request: Request, visit: Visit) -> dict[str, str] | None:
    # An answer to a form has no address of its own to come back to.
    if request.method != "GET":
        return None
    if visit.language == "sv":
        return {"language": "en", "text": "In English", "href": here_with(request, lang="en")}
    return {"language": "sv", "text": "På svenska", "href": here_with(request, lang="sv")}


def _idempotency_key(form: FormData) -> str:
    typed = form.get("idempotency_key")
    return typed if isinstance(typed, str) and typed else str(new_id())


def _hidden(name: str, value: str) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(name, value)
