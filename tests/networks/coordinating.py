"""What tests of commands share: a coordinator's usual acts, and what came of them."""

from datetime import UTC, date, datetime, time
from uuid import UUID

from samband_contracts.values import Localised, MeetingForm, MeetingKind
from samband_kit.ids import new_id
from samband_networks.meetings.domain import Plan, times
from samband_networks.memberships import store as membership_rows
from samband_networks.networks import handlers
from samband_networks.networks.domain import (
    Actor,
    Trigger,
)
from samband_networks.tasks import store as task_rows

from tests.networks.stage import Stage, opened

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
KICKOFF = Plan(
    kind=MeetingKind.KICKOFF,
    title=Localised(sv="Uppstartsmöte", en="Kickoff"),
    agenda=Localised(sv="Vi lär känna varandra", en="We get to know each other"),
    times=times(date(2027, 2, 9), time(10), time(11, 30), "Europe/Stockholm"),
    form=MeetingForm.DIGITAL,
    digital_link="https://rum.example/kickoff",
)
DAY_OF_KICKOFF = datetime(2027, 2, 9, 12, 0, tzinfo=UTC)


def key() -> str:
    return str(new_id())


async def planned(
    on: Stage, by: Actor, call_id: UUID | None = None, name: str = "Mänskliga rättigheter"
) -> UUID:
    command = handlers.CreateNetwork(Localised(sv=name, en="Human rights"), 1, call_id, None)
    return await handlers.create_network(on.pool, command, by=by, key=key())


async def moved(on: Stage, network_id: UUID, by: Actor, *triggers: Trigger) -> None:
    for trigger in triggers:
        await handlers.move_network(on.pool, network_id, trigger, by=by, key=key(), now=NOW)


async def names(on: Stage, network_id: UUID) -> list[str]:
    async with on.pool.acquire() as conn:
        return [one.organisation.name for one in await membership_rows.active(conn, network_id)]


async def waiting(on: Stage, network_id: UUID) -> list[tuple[str, str]]:
    async with on.pool.acquire() as conn:
        found = await task_rows.waiting(conn, network_id)
    return [(task.kind.value, task.organisation_name) for task in found]


async def kinds(on: Stage) -> list[str]:
    return [kind for kind, _ in await on.told()]


async def called(on: Stage) -> UUID:
    call_id = new_id()
    await on.hear(opened(call_id))
    return call_id
