"""Forms: what a browser posts becomes a closed, typed model, or a clear message.

    class Registration(Form):
        email: Annotated[Email, Ask(N_("Enter your e-mail address"))]
        themes: tuple[str, ...] = ()

    @router.post("/anmalan/{call_id}/granska", dependencies=[public])
    async def review(request: Request, call_id: UUID) -> Response:
        try:
            form = await read_form(request, Registration, human="register-interest")
        except Invalid as refused:
            return page(request, "form.html", refused=refused, call=...)

`page` then shows what was typed, the summary on top and each message at its
field. Left unhandled, the same refusal becomes an error page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_origin
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import FormData
from starlette.requests import Request

from samband_kit.errors import FieldErrors, Invalid
from samband_kit.web.bodies import is_form, posted
from samband_kit.web.human import check_human
from samband_kit.web.messages import sentence

TECHNICAL = frozenset({"csrf_token", "form_token", "website", "idempotency_key"})
"""Fields that the kit adds and reads; no model has them."""


class Form(BaseModel):
    """Base of form models: closed and frozen. An answer of blanks alone counts as not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Ask:
    """What to say at a field: when it is empty, and when the answer cannot be used.

    Without `wrong` the text types explain themselves. Put it beside the type:
    `Annotated[Email, Ask(N_("Enter your e-mail address"))]`. Both are msgids.
    """

    empty: str
    wrong: str | None = None

    def sentence(self, kind: str) -> str | None:
        """Ours for this kind of error, None when the general one tells more."""
        if kind in {"missing", "text_empty"}:
            return self.empty
        return None if kind in {"text_too_long", "string_too_long"} else self.wrong


class NotAForm(Invalid):
    """We could not read what was sent."""

    status = 415


class UnexpectedFields(Invalid):
    """The form held something that we did not ask for."""

    advice = "Go back, load the page again and send once more."


class NoIdempotencyKey(Invalid):
    """The form was not complete, so we did nothing."""

    advice = "Go back, load the page again and send once more."


F = TypeVar("F", bound=Form)


async def read_form(request: Request, model: type[F], *, human: str | None = None) -> F:
    """Parse the posted form.

    What was typed is remembered for `page`. A field sent twice is refused,
    unless the model wants several (`tuple[...]`). `human` is the action name
    that the template gave to `ui.form`; it is checked once the answers are right.

    Raises:
        FieldErrors: messages at fields, in the reader's language.
        Invalid: the form as a whole (unknown fields, too quick, too old).
    """
    form = await _form(request)
    try:
        read = model.model_validate(_given(form, model))
    except ValidationError as refused:
        raise FieldErrors(_messages(refused, model)) from None
    if human is not None:
        check_human(request, human, form)
    return read


async def answers(request: Request) -> Mapping[str, str]:
    """The posted fields as they came, without the technical ones: to carry them on to the next step."""
    form = await _form(request)
    return {name: str(value) for name, value in form.multi_items() if name not in TECHNICAL}


async def idempotency_key(request: Request) -> str:
    """What `ui.form(idempotent=true)` sent, or an API call's header Idempotency-Key.

    Raises NoIdempotencyKey (422) when there is none or it is no UUID.
    """
    given = request.headers.get("idempotency-key")
    if given is None and is_form(request):
        given = str((await posted(request)).get("idempotency_key", ""))
    try:
        return str(UUID(given or ""))
    except ValueError:
        raise NoIdempotencyKey from None


async def _form(request: Request) -> FormData:
    if not is_form(request):
        raise NotAForm
    return await posted(request)


def _given(form: FormData, model: type[Form]) -> dict[str, Any]:
    """Field to answer; blank ones are left out, so that defaults and "missing" apply."""
    given: dict[str, Any] = {}
    for name in form:
        if name in TECHNICAL:
            continue
        if name not in model.model_fields:
            raise UnexpectedFields
        values = [
            value for value in form.getlist(name) if not isinstance(value, str) or value.strip()
        ]
        if get_origin(model.model_fields[name].annotation) is tuple:
            given[name] = tuple(values)
        elif len(values) > 1:
            raise UnexpectedFields
        elif values:
            given[name] = values[0]
    return given


def _messages(refused: ValidationError, model: type[Form]) -> dict[str, str]:
    """One message per field, the first that was found, in the form's order."""
    found: dict[str, str] = {}
    for error in refused.errors(include_url=False, include_input=False):
        name = str(error["loc"][0]) if error["loc"] else ""
        info = model.model_fields.get(name)
        notes = info.metadata if info is not None else ()
        ask = next((note for note in notes if isinstance(note, Ask)), None)
        own = ask.sentence(error["type"]) if ask is not None else None
        found.setdefault(name, sentence(error, own))
    return found
