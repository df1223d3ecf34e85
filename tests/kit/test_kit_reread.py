"""A service reads its topics from the beginning again: only when stopped, and nothing twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from samband_contracts.topics import CONTACT_STATE, MEMBERSHIPS, NETWORKS
from samband_kit.ids import new_id
from samband_kit.service import Kind
from samband_kit.testing import eventually, running

from tests.kit.at_the_keyboard import invoke
from tests.kit.consuming import counted, listening, make_table
from tests.kit.effects import Listener, effects, joined
from tests.kit.outboxes import Writer, writer
from tests.kit.reconciling import append, publish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing
    from typer.testing import Result

REASON = ("--reason", "restored from a copy")


@pytest.fixture
async def service(backing: Backing) -> AsyncIterator[Writer]:
    async with writer(backing, topics=(MEMBERSHIPS, CONTACT_STATE)) as made:
        await make_table(made.settings)
        yield made


async def reread(of: Writer, *words: str) -> Result:
    return await invoke(of.settings, listening(Listener()), "reread", *REASON, *words)


async def test_what_was_forgotten_is_read_again_and_the_rest_happens_once(
    service: Writer,
) -> None:
    kept, forgotten = new_id(), new_id()
    await append(service, joined(kept), joined(forgotten))
    await publish(service)

    async def both() -> bool:
        return len(await effects(service.pool)) == 2

    async with running(listening(Listener()), service.settings, Kind.CONSUME) as consumer:
        await eventually(both, 120)
        refused = await reread(service)
        assert (refused.exit_code, "still reads" in refused.stderr) == (1, True)
    assert await service.pool.fetchval("select count(*) from operator_audit") == 0

    # As the database of a copy: it has not heard of the second one.
    for table in ("effects", "positions"):
        await service.pool.execute(f"delete from {table} where key = $1", str(forgotten))
    rehearsed = await reread(service, "--dry-run", "--json", "--topic", MEMBERSHIPS.name)
    assert json.loads(rehearsed.stdout) == [{"topic": MEMBERSHIPS.name, "read": 2, "dry_run": True}]
    done = await reread(service)
    assert done.exit_code == 0, done.output
    assert f"{MEMBERSHIPS.name}: 2 records are read again." in done.stdout
    noted = await service.pool.fetch(
        "select operator, command, subject, reason from operator_audit order by subject"
    )
    assert [tuple(row) for row in noted] == [
        ("kim", "reread", name, REASON[1]) for name in (CONTACT_STATE.name, MEMBERSHIPS.name)
    ]

    async with running(listening(Listener()), service.settings, Kind.CONSUME) as consumer:
        await eventually(both, 120)
        await eventually(lambda: counted(consumer)["duplicate"] == 1, 60)
    assert await effects(service.pool, kept) == [1]


async def test_only_what_the_service_reads_can_be_read_again(service: Writer) -> None:
    foreign = await reread(service, "--topic", NETWORKS.name)
    assert (foreign.exit_code, "is none of" in foreign.stderr) == (2, True)


async def test_a_kafka_that_does_not_answer_is_for_later(service: Writer) -> None:
    away = Writer(
        service.settings.model_copy(update={"kafka_servers": "127.0.0.1:1"}), service.pool
    )
    answer = await reread(away)
    assert (answer.exit_code, "does not answer" in answer.stderr) == (75, True)
    assert await service.pool.fetchval("select count(*) from operator_audit") == 0
