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
from typing import TypeVar

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

TECHNICAL = frozenset({"csrf_token", "form_token", "website", "idempotency_key"})
"""Fields that the kit adds and reads; no model has them."""


class Form(BaseModel):
    """Base of form models: closed and frozen. An empty answer counts as not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Ask:
    """What to say at a field: when it is empty, and when the answer cannot be used.

    Without `wrong` the text types explain themselves. Put it beside the type:
    `Annotated[Email, Ask(N_("Enter your e-mail address"))]`. Both are msgids.
    """

    empty: str
    wrong: str | None = None


F = TypeVar("F", bound=Form)


async def read_form(request: Request, model: type[F], *, human: str | None = None) -> F:
    """Parse the posted form.

    What was typed is remembered for `page`. A field sent twice is refused,
    unless the model wants several (`tuple[...]`). `human` is the action name
    that the template gave to `ui.form`; it is checked before anything else.

    Raises:
        FieldErrors: messages at fields, in the reader's language.
        Invalid: the form as a whole (unknown fields, too quick, too old).
    """
    raise NotImplementedError


async def answers(request: Request) -> Mapping[str, str]:
    """The posted fields as they came, without the technical ones: to carry them on to the next step."""
    raise NotImplementedError


async def idempotency_key(request: Request) -> str:
    """The key that `ui.form(idempotent=true)` sent, or the header Idempotency-Key of an API call.

    Raises Invalid when there is none or it is no UUID.
    """
    raise NotImplementedError
