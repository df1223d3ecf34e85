"""What commands about networks leave behind: rows and events."""

from collections.abc import AsyncIterator

import pytest
from samband_contracts.values import Localised, Role
from samband_kit.errors import FieldErrors
from samband_kit.idempotency import KeyReused
from samband_kit.ids import new_id
from samband_kit.testing import Backing
from samband_networks.memberships import store as membership_rows
from samband_networks.networks import handlers
from samband_networks.networks.domain import (
    CallTaken,
    NetworkExists,
    NotYourNetwork,
    Trigger,
)

from tests.networks.coordinating import NOW, called, key, kinds, moved, names, planned
from tests.networks.stage import Stage, accepted, municipality, opened, stage


@pytest.fixture
async def on(backing: Backing) -> AsyncIterator[Stage]:
    async with stage(backing) as running:
        yield running


async def test_a_planned_network_is_known_to_nobody_until_it_is_announced(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = new_id()
    await on.hear(opened(call_id))
    network_id = await planned(on, by, call_id)
    assert await on.told() == []
    await moved(on, network_id, by, Trigger.ANNOUNCE)
    [(kind, data)] = await on.told()
    assert kind == "network.announced.v1"
    assert data["name"] == {"sv": "Mänskliga rättigheter", "en": "Human rights"}
    assert data["call_id"] == str(call_id)


async def test_what_a_cancelled_network_had_goes_to_the_next_one(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    first = await planned(on, by, call_id := await called(on))
    await on.hear(accepted(call_id, municipality("Falu kommun")))
    await moved(on, first, by, Trigger.CANCEL)
    second = await planned(on, by, call_id)
    assert await names(on, first) == []
    assert await names(on, second) == ["Falu kommun"]
    assert await kinds(on) == [
        "membership.joined.v1",
        "network.cancelled.v1",
        "membership.left.v1",
        "membership.joined.v1",
    ]


async def test_a_call_feeds_one_living_network_and_a_name_has_one_first_round(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = await called(on)
    await planned(on, by, call_id)
    with pytest.raises(CallTaken):
        await planned(on, by, call_id, name="Ett annat")
    with pytest.raises(NetworkExists):
        await planned(on, by, name="mänskliga RÄTTIGHETER")


async def test_a_network_needs_a_call_that_exists_and_a_coordinator_with_an_account(
    on: Stage,
) -> None:
    by = await on.hire(Role.STAFF)
    name = Localised(sv="Ett", en="One")
    command = handlers.CreateNetwork(name, 1, new_id(), None, coordinator_id=new_id())
    with pytest.raises(FieldErrors) as refused:
        await handlers.create_network(on.pool, command, by=by, key=key())
    assert set(refused.value.fields) == {"call_id", "coordinator_id"}


async def test_the_same_command_twice_has_one_effect(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    command = handlers.CreateNetwork(Localised(sv="Ett", en="One"), 1, None, None)
    again = key()
    first = await handlers.create_network(on.pool, command, by=by, key=again)
    assert await handlers.create_network(on.pool, command, by=by, key=again) == first
    other = handlers.CreateNetwork(Localised(sv="Två", en="Two"), 1, None, None)
    with pytest.raises(KeyReused):
        await handlers.create_network(on.pool, other, by=by, key=again)
    for _ in range(2):
        await handlers.move_network(
            on.pool, first, Trigger.ANNOUNCE, by=by, key="announce", now=NOW
        )
    assert await kinds(on) == ["network.announced.v1"]


async def test_a_coordinator_moves_no_network_but_their_own(on: Stage) -> None:
    by, other = await on.hire(Role.COORDINATOR), await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by)
    with pytest.raises(NotYourNetwork):
        await moved(on, network_id, other, Trigger.ANNOUNCE)
    await moved(on, network_id, await on.hire(Role.STAFF), Trigger.ANNOUNCE)


async def test_closing_a_network_ends_its_memberships(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    await on.hear(accepted(call_id, municipality("Falu kommun"), municipality("Mogale City", "ZA")))
    await on.pool.execute("update networks set state = 'running'")
    await moved(on, network_id, by, Trigger.PAUSE, Trigger.RESUME, Trigger.FINISH, Trigger.CLOSE)
    assert (await kinds(on))[2:] == [
        "network.paused.v1",
        "network.resumed.v1",
        "network.finished.v1",
        "network.closed.v1",
        "membership.left.v1",
        "membership.left.v1",
    ]
    assert await names(on, network_id) == []
    async with on.pool.acquire() as conn:
        ended = await membership_rows.members(conn, network_id)
    assert {one.membership.state.value for one in ended} == {"completed"}
