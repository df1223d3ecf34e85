"""Pages about networks: the list, planning one, its own page, and each step of its life."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from samband_contracts.values import Localised
from samband_kit.errors import Refusal
from samband_kit.web.forms import Ask, Form, idempotency_key, read_form
from samband_kit.web.i18n import N_
from samband_kit.web.pages import page, see_other

from samband_networks.answers import Capacity, NetworkName, Round
from samband_networks.calls import store as calls
from samband_networks.clocks import country_name, when
from samband_networks.edge import Coordinator, led_network, now, pool_of, reading
from samband_networks.meetings import store as meetings
from samband_networks.meetings.domain import Meeting
from samband_networks.meetings.domain import State as MeetingState
from samband_networks.memberships import store as memberships
from samband_networks.memberships.domain import State as MemberState
from samband_networks.networks import handlers, store
from samband_networks.networks.domain import (
    ENDED,
    Actor,
    NetworkUnknown,
    State,
    Trigger,
    allowed,
    is_full,
    leads,
)
from samband_networks.tasks import store as tasks
from samband_networks.words import (
    MEETING_KINDS,
    MEETING_STATES,
    MEMBER_STATES,
    NETWORK_STATES,
    STEPS,
    TASKS,
    network_words,
)

router = APIRouter(prefix="/natverk")

PAGE_SIZE = 30
SHOWN = {"pagaende": frozenset(State) - ENDED, "avslutade": ENDED, "alla": frozenset(State)}
"""What the list can show, by the word in its address."""


class NewNetwork(Form):
    """What a network is to be."""

    name_sv: Annotated[NetworkName, Ask(N_("Write the network's name in Swedish."))]
    name_en: Annotated[NetworkName, Ask(N_("Write the network's name in English."))]
    round: Annotated[
        Round,
        Ask(N_("Write which round it is, 1 for the first."), N_("Write a number from 1 to 99.")),
    ]
    call_id: Annotated[
        UUID | None,
        Ask(N_("Choose a call."), N_("There is no such call. Choose one from the list.")),
    ] = None
    capacity: Annotated[
        Capacity | None,
        Ask(N_("Write a number from 1 to 999."), N_("Write a number from 1 to 999.")),
    ] = None


@router.get("")
async def list_networks(
    request: Request,
    by: Coordinator,
    visa: Annotated[str, Query(max_length=20)] = "pagaende",
    efter: UUID | None = None,
) -> Response:
    """Networks, the newest first, with what waits in each."""
    shown = visa if visa in SHOWN else "pagaende"
    async with reading(request) as conn:
        found = await store.page(conn, states=SHOWN[shown], after=efter, limit=PAGE_SIZE + 1)
        count = await store.count(conn, SHOWN[shown])
    listed = found[:PAGE_SIZE]
    return page(
        request,
        "networks/list.html",
        listed=listed,
        shown=shown,
        count=count,
        more=listed[-1].network.network_id if len(found) > PAGE_SIZE else None,
        is_later_page=efter is not None,
        states=NETWORK_STATES,
        me=by.account_id,
    )


@router.get("/nytt")
async def new_network(request: Request, _by: Coordinator) -> Response:
    """The form for a new network."""
    return await _form(request)


@router.post("/nytt")
async def plan_network(request: Request, by: Coordinator) -> Response:
    """Plan the network, or show what has to be changed."""
    try:
        form = await read_form(request, NewNetwork)
        network_id = await handlers.create_network(
            pool_of(request),
            handlers.CreateNetwork(
                name=Localised(sv=form.name_sv, en=form.name_en),
                round=form.round,
                call_id=form.call_id,
                capacity=form.capacity,
            ),
            by=by,
            key=await idempotency_key(request),
        )
    except Refusal as refused:
        return await _form(request, refused)
    return see_other(request, "show_network", network_id=network_id)


@router.get("/{network_id}")
async def show_network(request: Request, network_id: UUID, by: Coordinator) -> Response:
    """One network: what to do next, what to see to, its members and its meetings."""
    async with reading(request) as conn:
        network = await store.find(conn, network_id)
        members = await memberships.members(conn, network_id)
        planned = await meetings.of_network(conn, network_id)
        waiting = await tasks.waiting(conn, network_id)
        titles = await calls.titles(conn, [network.call_id] if network.call_id else [])
    active = [member for member in members if member.membership.state is MemberState.ACTIVE]
    countries = sorted({member.organisation.country for member in active})
    return page(
        request,
        "networks/show.html",
        network=network,
        state=NETWORK_STATES[network.state],
        call_title=titles.get(network.call_id) if network.call_id else None,
        leads=leads(network, by),
        is_mine=network.coordinator_id == by.account_id,
        full=is_full(network, len(active)),
        members=members,
        active=active,
        without_contact=[member for member in active if not member.representatives],
        countries=[country_name(country) for country in countries],
        country_name=country_name,
        member_states=MEMBER_STATES,
        tasks=waiting,
        task_words=TASKS,
        meetings=planned,
        kickoff=_kickoff(planned),
        when=lambda times: when(times.starts_at, times.ends_at, countries),
        now=now(),
        kinds=MEETING_KINDS,
        meeting_states=MEETING_STATES,
        steps=[(trigger, STEPS[trigger]) for trigger in allowed(network.state)],
    )


@router.get("/{network_id}/steg/{step}")
async def ask_step(request: Request, network_id: UUID, step: str, by: Coordinator) -> Response:
    """What a step leads to, and the button that takes it."""
    await led_network(request, network_id, by)
    return await _step(request, network_id, _trigger(step), by)


@router.post("/{network_id}/steg/{step}")
async def take_step(request: Request, network_id: UUID, step: str, by: Coordinator) -> Response:
    """Take the step; taken twice with the same form it is taken once."""
    trigger = _trigger(step)
    try:
        with network_words():
            await handlers.move_network(
                pool_of(request),
                network_id,
                trigger,
                by=by,
                key=await idempotency_key(request),
                now=now(),
            )
    except Refusal as refused:
        return await _step(request, network_id, trigger, by, refused)
    return see_other(request, "show_network", network_id=network_id)


async def _form(request: Request, refused: Refusal | None = None) -> Response:
    async with reading(request) as conn:
        choices = await calls.without_network(conn)
    return page(request, "networks/new.html", refused=refused, calls=choices)


async def _step(
    request: Request,
    network_id: UUID,
    trigger: Trigger,
    by: Actor,
    refused: Refusal | None = None,
) -> Response:
    async with reading(request) as conn:
        network = await store.find(conn, network_id)
    return page(
        request,
        "networks/step.html",
        refused=refused,
        network=network,
        step=STEPS[trigger],
        possible=leads(network, by) and trigger in allowed(network.state),
    )


def _trigger(path: str) -> Trigger:
    for trigger, step in STEPS.items():
        if step.path == path:
            return trigger
    raise NetworkUnknown


def _kickoff(planned: list[Meeting]) -> Meeting | None:
    live = (one for one in planned if one.state is not MeetingState.CANCELLED)
    return next((one for one in live if one.plan.kind == "kickoff"), None)
