"""The answers of the public form, step by step, and what is still missing in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Request
from samband_contracts.values import Language, Organisation, Undecided
from samband_kit.database import Connection
from samband_kit.errors import FieldErrors
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import Ask, Form, answers, read_form
from samband_kit.web.i18n import N_
from samband_kit.web.text import Email, Line, PersonName, Prose

from samband_registration.organisations import store as organisations
from samband_registration.organisations.handlers import find
from samband_registration.organisations.store import Listed
from samband_registration.registrations.handlers.sending import chosen

Step = Literal["organisation", "which", "contact", "partnership"]
"""`which` is the second half of `organisation`: it comes when several may be meant."""

FIELDS: Final[Mapping[Step, tuple[str, ...]]] = {
    "organisation": ("organisation",),
    "which": ("organisation_id",),
    "contact": ("name", "email", "language"),
    "partnership": ("counterpart", "theme", "message"),
}
AGAIN: Final = "again"
CHOOSE_ORGANISATION: Final = N_("Choose your organisation, or write the name again.")
CHECK_SPELLING: Final = N_(
    "We find no municipality or region with that name. "
    "Check the spelling, or write only the name of the place."
)
CHOOSE_LANGUAGE: Final = N_("Choose the language of our mails.")


class InterestForm(Form):
    """The answers of all steps."""

    organisation: Annotated[
        str, Line(200), Ask(N_("Write the name of your municipality or region."))
    ]
    organisation_id: Annotated[str, Line(64)] = ""
    """The choice among several; anything but an id leaves it to the name."""
    name: Annotated[PersonName, Ask(N_("Write your first and last name."))]
    email: Annotated[Email, Ask(N_("Write your e-mail address, such as name@municipality.se."))]
    language: Annotated[Language, Ask(CHOOSE_LANGUAGE, CHOOSE_LANGUAGE)]
    counterpart: Annotated[
        UUID | Undecided,
        Ask(N_("Choose a partner, or “Not decided yet”."), N_("Choose a partner from the list.")),
    ]
    theme: Annotated[str, Line(64), Ask(N_("Choose a theme, or “Not decided yet”."))]
    message: Annotated[str, Prose(2000)] = ""


@dataclass(frozen=True)
class Complete:
    """Answers that can be sent."""

    form: InterestForm
    organisation: Organisation
    counterpart: Organisation | Undecided


@dataclass(frozen=True)
class Answers:
    """The answers so far: complete, or what is wrong with them."""

    complete: Complete | None
    errors: Mapping[str, str]
    offered: Sequence[Listed] = ()
    """Organisations that may be meant, when it is not clear which."""

    def wrong(self, step: Step) -> dict[str, str]:
        """The messages at the fields of `step`."""
        return {name: text for name, text in self.errors.items() if name in FIELDS[step]}

    def first_open(self) -> Step | None:
        """The first step without a usable answer, None when all have one."""
        return next((step for step in FIELDS if self.wrong(step)), None)


async def read_answers(request: Request) -> Answers:
    """Read what was posted, and find out which organisation it means.

    Raises Invalid for a body that is no form of ours at all.
    """
    form: InterestForm | None = None
    errors: dict[str, str] = {}
    try:
        form = await read_form(request, InterestForm)
    except FieldErrors as refused:
        errors = dict(refused.fields)
    organisation, offered = None, list[Listed]()
    async with runtime_of(request).pool.acquire() as conn:
        if "organisation" not in errors:
            organisation, offered = await _meant(conn, await answers(request))
            if organisation is None and offered:
                errors["organisation_id"] = CHOOSE_ORGANISATION
            elif organisation is None:
                errors["organisation"] = CHECK_SPELLING
        if form is not None:
            try:
                counterpart = await chosen(conn, form.counterpart, form.theme)
            except FieldErrors as refused:
                errors |= refused.fields
    if form is None or organisation is None or errors:
        return Answers(None, errors, offered)
    return Answers(Complete(form, organisation, counterpart), {})


async def _meant(
    conn: Connection, typed: Mapping[str, str]
) -> tuple[Organisation | None, list[Listed]]:
    try:
        organisation_id = UUID(typed.get("organisation_id", ""))
    except ValueError:
        return await find(conn, Line(200).clean(typed["organisation"]))
    organisation = await organisations.organisation(conn, organisation_id)
    if organisation is not None and organisation.country == "SE":
        return organisation, []
    return await find(conn, Line(200).clean(typed["organisation"]))
