"""Who becomes a member, and what is left to the coordinator: rows and events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from samband_contracts.registrations import RegistrationMerged, RegistrationWithdrawn
from samband_contracts.values import Role
from samband_kit.database import transaction
from samband_kit.errors import TransitionRefused
from samband_kit.ids import new_id
from samband_kit.testing import Backing
from samband_networks.acceptances.handlers import on_registration_accepted
from samband_networks.memberships import handlers as memberships
from samband_networks.memberships import store as membership_rows
from samband_networks.networks.domain import (
    Trigger,
)
from samband_networks.tasks import handlers as tasks
from samband_networks.tasks import store as task_rows

from tests.networks.coordinating import called, key, kinds, moved, names, planned, waiting
from tests.networks.stage import Stage, accepted, municipality, opened, sixteen, stage


@pytest.fixture
async def on(backing: Backing) -> AsyncIterator[Stage]:
    async with stage(backing) as running:
        yield running


async def test_the_eight_pairs_become_sixteen_members(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = new_id()
    await on.hear(opened(call_id))
    network_id = await planned(on, by, call_id)
    await on.hear(*sixteen(call_id))
    assert len(await names(on, network_id)) == 16
    assert await kinds(on) == ["membership.joined.v1"] * 16


async def test_members_stand_in_swedish_order(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    swedish = ("Åmåls kommun", "Örebro kommun", "Älvdalens kommun", "Falu kommun")
    await on.hear(*(accepted(call_id, municipality(name)) for name in swedish))
    assert await names(on, network_id) == [
        "Falu kommun",
        "Åmåls kommun",
        "Älvdalens kommun",
        "Örebro kommun",
    ]


async def test_the_order_of_names_is_the_same_on_every_server(on: Stage) -> None:
    assert (
        await on.pool.fetchval(
            "select collation_name from information_schema.columns"
            " where table_schema = current_schema and table_name = 'organisations'"
            " and column_name = 'sort_key'"
        )
        == "C"
    )


async def test_who_was_accepted_before_there_was_a_network_joins_when_it_comes(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = new_id()
    await on.hear(*sixteen(call_id))
    assert await on.told() == []
    await on.hear(opened(call_id))
    network_id = await planned(on, by, call_id)
    assert len(await names(on, network_id)) == 16
    assert await kinds(on) == ["membership.joined.v1"] * 16


async def test_what_waited_for_its_network_stays_in_its_story_and_in_its_trace(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = new_id()
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    said = replace(
        on.facts.envelope(accepted(call_id, municipality("Falu kommun"))), traceparent=traceparent
    )
    async with transaction(on.pool) as conn:
        await on_registration_accepted(conn, [said])
    await on.hear(opened(call_id))
    await planned(on, by, call_id)
    [joined] = await on.pool.fetch(
        "select correlation_id, headers ->> 'ce_traceparent' as traceparent from outbox"
        " where event_type like '%membership.joined%'"
    )
    assert tuple(joined) == (said.correlation_id, traceparent)


async def test_a_second_lund_with_another_counterpart_adds_the_counterpart_alone(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    lund = municipality("Lunds kommun")
    first = accepted(call_id, lund, municipality("Francistown", "BW"))
    second = accepted(call_id, lund, municipality("Rufunsa", "ZM"))
    await on.hear(first)
    await on.hear(second)
    assert await names(on, network_id) == ["Francistown", "Lunds kommun", "Rufunsa"]
    assert await on.acting() == {lund.organisation_id: {*first.contact_ids, *second.contact_ids}}


@pytest.mark.parametrize("merged_first", [True, False])
async def test_contact_persons_of_a_merged_registration_follow(
    on: Stage, merged_first: bool
) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    first = accepted(call_id, municipality("Lunds kommun"), contacts=1)
    second, third = new_id(), new_id()
    merges = [
        RegistrationMerged(
            registration_id=third,
            call_id=call_id,
            into=second,
            organisation_id=first.organisation.organisation_id,
            contact_ids=(new_id(),),
        ),
        RegistrationMerged(
            registration_id=second,
            call_id=call_id,
            into=first.registration_id,
            organisation_id=first.organisation.organisation_id,
            contact_ids=(new_id(), new_id()),
        ),
    ]
    for fact in [*merges, first] if merged_first else [first, *merges]:
        await on.hear(fact)
    async with on.pool.acquire() as conn:
        [member] = await membership_rows.active(conn, network_id)
    assert member.representatives == 4
    everybody = {*first.contact_ids, *merges[0].contact_ids, *merges[1].contact_ids}
    assert await on.acting() == {first.organisation.organisation_id: everybody}


async def test_an_acceptance_for_a_network_that_is_over_becomes_one_task(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    await moved(on, network_id, by, Trigger.CANCEL)
    late = accepted(call_id, municipality("Piteå kommun"), municipality("Chinsali", "ZM"))
    await on.hear(late)
    await on.hear(late)
    assert await names(on, network_id) == []
    assert await waiting(on, network_id) == [("accepted_after_end", "Piteå kommun")]


async def test_a_withdrawn_registration_is_the_coordinators_to_judge(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    given = accepted(call_id, municipality("Bollnäs kommun"))
    await on.hear(given)
    gone = RegistrationWithdrawn(
        registration_id=given.registration_id, call_id=call_id, contact_ids=given.contact_ids
    )
    await on.hear(gone)
    assert await names(on, network_id) == ["Bollnäs kommun"]
    assert await waiting(on, network_id) == [("withdrawn", "Bollnäs kommun")]
    async with on.pool.acquire() as conn:
        [task] = await task_rows.waiting(conn, network_id)
    for _ in range(2):
        await tasks.settle(on.pool, network_id, task.task_id, by=by)
    assert await waiting(on, network_id) == []


async def test_a_registration_withdrawn_while_it_waits_gives_no_membership(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    call_id = await called(on)
    given = accepted(call_id, municipality("Bollnäs kommun"))
    await on.hear(given)
    await on.hear(
        RegistrationWithdrawn(
            registration_id=given.registration_id, call_id=call_id, contact_ids=()
        )
    )
    assert await names(on, await planned(on, by, call_id)) == []


async def test_who_left_stays_away_and_the_coordinator_hears_of_the_next_acceptance(
    on: Stage,
) -> None:
    by = await on.hire(Role.COORDINATOR)
    network_id = await planned(on, by, call_id := await called(on))
    amal = municipality("Åmåls kommun")
    await on.hear(accepted(call_id, amal))
    async with on.pool.acquire() as conn:
        [member] = await membership_rows.active(conn, network_id)
    membership_id, again = member.membership.membership_id, key()
    for _ in range(2):
        await memberships.leave(on.pool, network_id, membership_id, by=by, key=again)
    with pytest.raises(TransitionRefused):
        await memberships.leave(on.pool, network_id, membership_id, by=by, key=key())
    await on.hear(accepted(call_id, amal))
    assert await names(on, network_id) == []
    assert await waiting(on, network_id) == [("accepted_after_leaving", "Åmåls kommun")]
    assert await on.acting() == {amal.organisation_id: set()}
    assert await kinds(on) == ["membership.joined.v1", "membership.left.v1"]


async def test_a_public_fact_never_names_a_person(on: Stage) -> None:
    by = await on.hire(Role.COORDINATOR)
    await planned(on, by, call_id := await called(on))
    given = accepted(call_id, municipality("Falu kommun"), contacts=3)
    await on.hear(given)
    said = str(await on.told())
    assert not [contact for contact in given.contact_ids if str(contact) in said]
    assert str(by.account_id) not in said


async def test_what_takes_long_to_decide_is_decided_once(on: Stage) -> None:
    """Acceptance and the network's creation at the same moment never miss each other."""
    by = await on.hire(Role.COORDINATOR)
    call_id = await called(on)
    given = accepted(call_id, municipality("Falu kommun"))
    async with on.pool.acquire() as held, held.transaction():
        await held.execute("select from calls where call_id = $1 for update", call_id)
        both = asyncio.gather(on.hear(given), planned(on, by, call_id))
        await asyncio.sleep(0.1)
    _, network_id = await both
    assert await names(on, network_id) == ["Falu kommun"]
    assert await kinds(on) == ["membership.joined.v1"]
