"""Page about one membership, and ending it."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from samband_kit.errors import Refusal
from samband_kit.web.forms import idempotency_key
from samband_kit.web.pages import page, see_other

from samband_networks.clocks import country_name
from samband_networks.edge import Coordinator, pool_of, reading
from samband_networks.memberships import handlers, store
from samband_networks.networks import store as networks
from samband_networks.networks.domain import Actor, leads
from samband_networks.words import MEMBER_STATES, member_words

router = APIRouter(prefix="/natverk/{network_id}/medlemmar/{membership_id}")


@router.get("")
async def show_member(
    request: Request, network_id: UUID, membership_id: UUID, by: Coordinator
) -> Response:
    """One organisation in the network, and what ending its membership leads to."""
    return await _show(request, network_id, membership_id, by)


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
        return await _show(request, network_id, membership_id, by, refused)
    return see_other(request, "show_network", network_id=network_id)


async def _show(
    request: Request,
    network_id: UUID,
    membership_id: UUID,
    by: Actor,
    refused: Refusal | None = None,
) -> Response:
    async with reading(request) as conn:
        network = await networks.find(conn, network_id)
        member = await store.member(conn, network_id, membership_id)
    return page(
        request,
        "memberships/show.html",
        refused=refused,
        network=network,
        member=member,
        state=MEMBER_STATES[member.membership.state],
        country=country_name(member.organisation.country),
        leads=leads(network, by),
    )
