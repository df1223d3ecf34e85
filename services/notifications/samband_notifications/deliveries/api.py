"""JSON API of deliveries, for programs of staff. Persons are named by their ids alone.

A command needs the header `Idempotency-Key` with a UUID: the same key twice
is one command.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict
from samband_contracts.values import Role
from samband_kit.web.context import runtime_of
from samband_kit.web.forms import idempotency_key
from samband_kit.web.messages import CHOICE
from samband_kit.web.sessions import Session, require
from samband_kit.web.text import Line

from samband_notifications.deliveries import handlers
from samband_notifications.deliveries.domain.happenings import Reason
from samband_notifications.deliveries.domain.machine import DeliveryUnknown, State
from samband_notifications.deliveries.store import listing
from samband_notifications.notifications.domain import TEMPLATES

router = APIRouter(prefix="/api/notifications/deliveries", tags=["deliveries"])

Staff = Annotated[Session, Depends(require(Role.STAFF))]


def _known(template: str) -> str:
    if template not in TEMPLATES:
        raise ValueError(CHOICE)
    return template


TemplateName = Annotated[str, AfterValidator(_known)]


class DeliveryView(BaseModel):
    """One message to one contact person, and where it is on its way."""

    delivery_id: UUID
    contact_id: UUID
    template: str
    state: State
    reason: Reason | None
    attempts: int
    created_at: datetime
    due_at: datetime | None
    settled_at: datetime | None


class DeliveryPage(BaseModel):
    """Deliveries, the newest first; `next` is the `after` of the page that follows."""

    deliveries: list[DeliveryView]
    next: UUID | None


class StepView(BaseModel):
    """An entry of a delivery's history."""

    at: datetime
    state: State
    reason: Reason | None
    detail: str | None
    note: str | None
    by_staff: bool


class DeliveryDetail(DeliveryView):
    """A delivery with what the mail server said and what happened to it."""

    notification_id: UUID
    detail: str | None
    expires_at: datetime
    superseded: bool
    history: list[StepView]


class GivingUp(BaseModel):
    """Why a mail shall not be sent."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Line(200)]


@router.get("")
async def deliveries_list(
    request: Request,
    _by: Staff,
    state: Annotated[list[State] | None, Query()] = None,
    template: Annotated[list[TemplateName] | None, Query()] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> DeliveryPage:
    """List deliveries."""
    async with runtime_of(request).pool.acquire() as conn:
        found = await listing.page(
            conn,
            states=state or list(State),
            templates=template or list(TEMPLATES),
            after=after,
            limit=limit + 1,
        )
    shown = [DeliveryView(**_facts(one)) for one in found[:limit]]
    return DeliveryPage(
        deliveries=shown, next=shown[-1].delivery_id if len(found) > limit else None
    )


@router.get("/{delivery_id}")
async def deliveries_show(request: Request, delivery_id: UUID, _by: Staff) -> DeliveryDetail:
    """One delivery."""
    async with runtime_of(request).pool.acquire() as conn:
        found = await listing.find(conn, delivery_id)
        steps = await listing.steps(conn, delivery_id)
    if found is None:
        raise DeliveryUnknown
    return DeliveryDetail(
        **_facts(found.listed),
        notification_id=found.notification_id,
        detail=found.detail,
        expires_at=found.expires_at,
        superseded=found.superseded,
        history=[StepView.model_validate(step, from_attributes=True) for step in steps],
    )


@router.post("/{delivery_id}/queue-again", status_code=204)
async def deliveries_queue_again(request: Request, delivery_id: UUID, by: Staff) -> Response:
    """Send a delivery that failed, is held or is uncertain."""
    key = await idempotency_key(request)
    await handlers.queue_again(runtime_of(request).pool, delivery_id, by=by.subject, key=key)
    return Response(status_code=204)


@router.post("/{delivery_id}/give-up", status_code=204)
async def deliveries_give_up(
    request: Request, delivery_id: UUID, command: GivingUp, by: Staff
) -> Response:
    """Let a held or uncertain delivery fail."""
    key = await idempotency_key(request)
    pool = runtime_of(request).pool
    await handlers.give_up(pool, delivery_id, by=by.subject, key=key, note=command.note)
    return Response(status_code=204)


def _facts(listed: listing.Listed) -> dict[str, object]:
    return {name: getattr(listed, name) for name in DeliveryView.model_fields}
