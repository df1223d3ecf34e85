"""JSON routes of organisations: search for everybody, adding one abroad for staff."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict
from samband_contracts.values import Organisation, Role
from samband_kit.web.context import runtime_of
from samband_kit.web.sessions import public, require
from samband_kit.web.text import Line

from samband_registration.organisations import handlers, store
from samband_registration.organisations.domain import (
    AddForeignOrganisation,
    OrganisationUnknown,
)

router = APIRouter(prefix="/api/registration/organisations")


class Found(BaseModel):
    """An organisation that a search found, likeliest first."""

    organisation: Organisation
    county: str | None
    has_region_tasks: bool


class NewOrganisation(BaseModel):
    """An organisation abroad; `anyway` adds it although similar names exist."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Line(200)]
    country: Annotated[str, Line(2)]
    anyway: bool = False


@router.get("", dependencies=[public])
async def search_organisations(
    request: Request,
    q: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str | None, Query(pattern="^[0-9A-Za-z-]{1,64}$")] = None,
    country: Annotated[str | None, Query(pattern="^[A-Z]{2}$")] = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> list[Found]:
    """Organisations whose name resembles `q`, or that have the official `code`."""
    async with runtime_of(request).pool.acquire() as conn:
        found = (
            await store.search(conn, q, country=country, limit=limit)
            if code is None
            else await store.by_code(conn, code)
        )
    return [
        Found(
            organisation=one.organisation, county=one.county, has_region_tasks=one.has_region_tasks
        )
        for one in found
    ]


@router.get("/{organisation_id}", dependencies=[public])
async def get_organisation(request: Request, organisation_id: UUID) -> Organisation:
    """One organisation."""
    async with runtime_of(request).pool.acquire() as conn:
        found = await store.organisation(conn, organisation_id)
    if found is None:
        raise OrganisationUnknown
    return found


@router.post("", status_code=201, dependencies=[Depends(require(Role.STAFF))])
async def add_organisation(request: Request, new: NewOrganisation) -> Organisation:
    """Add an organisation abroad. 409 for a name that is there already, or a similar one."""
    return await handlers.add_foreign_organisation(
        runtime_of(request).pool, AddForeignOrganisation(new.name, new.country, anyway=new.anyway)
    )
