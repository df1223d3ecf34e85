"""Page about one membership: ending it."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from samband_kit.errors import Refusal
from samband_kit.web.forms import idempotency_key
from samband_kit.web.pages import page, see_other

from samband_networks.edge import Coordinator, led_network, pool_of, reading
from samband_networks.memberships import handlers, store
from samband_networks.networks import store as networks
from samband_networks.words import member_words

router = APIRouter(prefix="/natverk/{network_id}/medlemmar/{membership_id}")


@router.get("/avsluta")
async def ask_leave(
    request: Request, network_id: UUID, membership_id: UUID, by: Coordinator
) -> Response:
    """What ending the membership leads to, and the button."""
    await led_network(request, network_id, by)
    return await _ask(request, network_id, membership_id)


@router.post("/avsluta")
async def end_membership(
    request: Request, network_id: UUID, membership_id: UUID, by: Coordinator
) -> Response:
    """End the membership."""
    key = await idempotency_key(request)
    try:
        with member_words():
            await handlers.leave(pool_of(request), network_id, membership_id, by=by, key=key)
    except Refusal as refused:
        return await _ask(request, network_id, membership_id, refused)
    return see_other(request, "show_network", network_id=network_id)


async def _ask(
    request: Request, network_id: UUID, membership_id: UUID, refused: Refusal | None = None
) -> Response:
    async with reading(request) as conn:
        network = await networks.find(conn, network_id)
        member = await store.member(conn, network_id, membership_id)
    return page(request, "memberships/leave.html", refused=refused, network=network, member=member)
