"""Staff's page of organisations abroad: the list, and the form that adds one."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from samband_contracts.values import Role
from samband_kit.errors import FieldErrors
from samband_kit.sorting import sort_key
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import Ask, Form, read_form
from samband_kit.web.i18n import N_, language
from samband_kit.web.pages import page, see_other
from samband_kit.web.sessions import require
from samband_kit.web.text import Line

from samband_registration.countries import countries
from samband_registration.organisations import handlers, store
from samband_registration.organisations.domain import (
    AddForeignOrganisation,
    OrganisationKnownAlready,
    OrganisationSimilar,
)

router = APIRouter(dependencies=[Depends(require(Role.STAFF))])
SUGGESTED: Final = ("BW", "ZA", "ZM")
"""Countries of the partnerships so far; they come first."""


class ForeignForm(Form):
    """An organisation abroad; `anyway` where similar names exist."""

    name: Annotated[str, Line(200), Ask(N_("Write the organisation's name."))]
    country: Annotated[str, Line(2), Ask(N_("Choose a country."), N_("Choose a country."))]
    anyway: bool = False


@router.get("/handlaggning/organisationer")
async def list_foreign(request: Request) -> Response:
    """Every organisation abroad, and the form for a new one."""
    return await _foreign(request)


@router.post("/handlaggning/organisationer")
async def add_foreign(request: Request) -> Response:
    """Add one; a known name is refused, a similar one only added on purpose."""
    try:
        form = await read_form(request, ForeignForm)
        await handlers.add_foreign_organisation(
            runtime_of(request).pool,
            AddForeignOrganisation(form.name, form.country, anyway=form.anyway),
        )
    except (FieldErrors, OrganisationKnownAlready, OrganisationSimilar) as refused:
        return await _foreign(request, refused)
    return see_other(request, "list_foreign")


async def _foreign(
    request: Request,
    refused: FieldErrors | OrganisationKnownAlready | OrganisationSimilar | None = None,
) -> Response:
    names = countries(language())
    async with runtime_of(request).pool.acquire() as conn:
        found = await store.foreign(conn)
    return page(
        request,
        "organisations/staff.html",
        refused=refused,
        similar=isinstance(refused, OrganisationSimilar),
        organisations=[(one.name, names.get(one.country, one.country)) for one in found],
        countries=[
            *((code, names[code]) for code in SUGGESTED),
            *(
                (code, name)
                for code, name in sorted(names.items(), key=lambda pair: sort_key(pair[1]))
                if code not in SUGGESTED
            ),
        ],
    )
