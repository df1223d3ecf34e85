"""The operator's commands: what they say, what they change, how they end."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from samband_contracts.topics import MEMBERSHIPS
from samband_kit import outbox
from samband_kit.consumer.batch import apply_batch
from samband_kit.database import open_pool, transaction
from samband_kit.ids import new_id
from samband_kit.operating import operator_cli
from samband_kit.testing import read_topic, service_settings
from typer.testing import CliRunner, Result

from tests.kit import at_the_keyboard
from tests.kit.effects import TABLE, arrived, effects, left, parked_as, raw, story
from tests.kit.listening_service import LISTENER, SERVICE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.database import Pool
    from samband_kit.settings import Settings
    from samband_kit.testing import Backing

MIGRATIONS = Path(outbox.__file__).parent / "migrations"

CLI = operator_cli(SERVICE)


@pytest.fixture
async def config(backing: Backing) -> AsyncIterator[Settings]:
    async with service_settings(backing, "samband_kit") as settings:
        yield settings


@pytest.fixture
async def pool(config: Settings) -> AsyncIterator[Pool]:
    opened = await open_pool(config)
    await opened.execute(TABLE)
    yield opened
    LISTENER.broken = set()
    await opened.close()


async def invoke(config: Settings, *words: str, **more: str | None) -> Result:
    return await at_the_keyboard.invoke(config, SERVICE, *words, **more)


def nobody() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def audited(pool: Pool) -> list[tuple[str, str, str]]:
    rows = await pool.fetch(
        "select operator, command, reason from operator_audit order by audit_id"
    )
    return [tuple(row) for row in rows]


async def park_a_chain(pool: Pool) -> str:
    """A key with a failing first record and two behind it."""
    key = new_id()
    LISTENER.broken = {str(key)}
    await apply_batch(pool, LISTENER.memberships, [arrived(event) for event in story(key, 3)])
    return str(key)


async def listed(config: Settings) -> list[dict[str, object]]:
    answer = await invoke(config, "parked", "list", "--json")
    return [json.loads(line) for line in answer.stdout.splitlines()]


@pytest.mark.parametrize(
    "command", [["--help"], ["parked", "--help"], ["parked", "skip", "--help"]]
)
async def test_help_explains_without_any_configuration(command: list[str]) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, CLI, command)
    assert result.exit_code == 0


async def test_help_has_examples_and_exit_codes(config: Settings) -> None:
    assert "75 Postgres" in " ".join((await invoke(config, "--help")).stdout.split())
    assert "Example:" in (await invoke(config, "outbox", "quarantine", "--help")).stdout


async def test_missing_configuration_names_the_variable(config: Settings) -> None:
    for words in (["migrate"], ["serve"], ["parked", "list"]):
        result = await invoke(config, *words, SAMBAND_DATABASE_URL=None)
        assert result.exit_code == 2
        assert result.stderr == "SAMBAND_DATABASE_URL is not set.\n"


async def test_what_is_about_kafka_needs_no_other_settings(config: Settings) -> None:
    nothing = {"SAMBAND_DATABASE_URL": None, "SAMBAND_SECRET_KEYS": None}
    assert (await invoke(config, "topics", "--dry-run", **nothing)).exit_code == 0
    for words in (["topics"], ["access"]):
        result = await invoke(config, *words, SAMBAND_KAFKA_SERVERS=None, **nothing)
        assert result.exit_code == 2
        assert result.stderr == "SAMBAND_KAFKA_SERVERS is not set.\n"


async def test_rules_are_of_no_use_to_a_kafka_that_asks_nobody(config: Settings) -> None:
    result = await invoke(config, "access", "--dry-run")
    assert (result.exit_code, "has no authorizer" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    "url", ["nonsense", "postgresql://:x", "mysql://a/b", "postgresql://h:no/x"]
)
async def test_an_impossible_address_is_a_sentence(config: Settings, url: str) -> None:
    result = await invoke(config, "migrate", SAMBAND_DATABASE_URL=url)
    assert result.exit_code == 2
    assert result.stderr.startswith("SAMBAND_DATABASE_URL: write it as postgresql:")


async def test_a_wrong_password_is_a_matter_of_configuration(config: Settings) -> None:
    url = config.database_url.get_secret_value().replace("only-for-tests", "wrong")
    result = await invoke(config, "outbox", "status", SAMBAND_DATABASE_URL=url)
    assert (result.exit_code, "Postgres refuses" in result.stderr) == (2, True)


async def test_what_does_not_answer_is_to_be_tried_again(config: Settings) -> None:
    url = f"postgresql://a:b@{nobody()}/c"
    result = await invoke(config, "parked", "list", SAMBAND_DATABASE_URL=url)
    assert (result.exit_code, "cannot be reached" in result.stderr) == (75, True)
    result = await invoke(config, "topics", SAMBAND_KAFKA_SERVERS=nobody())
    assert (result.exit_code, "Kafka" in result.stderr) == (75, True)
    result = await invoke(config, "access", SAMBAND_KAFKA_SERVERS=nobody())
    assert (result.exit_code, "Kafka" in result.stderr) == (75, True)


async def test_a_schema_that_is_not_migrated_is_named(config: Settings) -> None:
    pool = await open_pool(config)
    await pool.execute("drop table parked, outbox, schema_migrations cascade")
    await pool.close()
    result = await invoke(config, "parked", "list")
    assert (result.exit_code, "run `migrate` first" in result.stderr) == (1, True)
    result = await invoke(config, "migrate", "--dry-run", "--json")
    files = sorted(path.name for path in MIGRATIONS.glob("*.sql"))
    assert json.loads(result.stdout) == {"would_apply": [f"samband_kit/{name}" for name in files]}


async def test_migrations_are_applied_once(config: Settings) -> None:
    result = await invoke(config, "migrate")
    assert (result.exit_code, result.stdout) == (0, "The schema is up to date.\n")


async def test_a_migration_is_rehearsed_with_the_same_refusals(config: Settings) -> None:
    pool = await open_pool(config)
    await pool.execute("update schema_migrations set checksum = 'another'")
    await pool.close()
    for words in (["migrate"], ["migrate", "--dry-run"]):
        result = await invoke(config, *words)
        assert (result.exit_code, "was changed after" in result.stderr) == (1, True)


async def test_topics_of_all_services_can_be_created(config: Settings) -> None:
    rehearsed = await invoke(config, "topics", "--all", "--dry-run", "--json")
    result = await invoke(config, "topics", "--all", "--json")
    assert len(json.loads(rehearsed.stdout)["would_change"]) == len(
        json.loads(result.stdout)["changes"]
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout)["changes"]
    assert await read_topic(config, MEMBERSHIPS) == []
    again = await invoke(config, "topics", "--all")
    assert again.stdout == "All topics are as they should be.\n"


async def test_parked_records_are_listed_and_shown(config: Settings, pool: Pool) -> None:
    key = await park_a_chain(pool)
    rows = await listed(config)
    assert [(row["key"], row["sequence"], row["reason"]) for row in rows] == [
        (key, 1, "failed"),
        (key, 2, "behind"),
        (key, 3, "behind"),
    ]
    assert "failed" in (await invoke(config, "parked", "list", "--limit", "1")).stdout
    shown = await invoke(config, "parked", "show", str(rows[0]["parked_id"]), "--json")
    assert json.loads(shown.stdout)["error"].startswith("Refused: not this one")
    missing = await invoke(config, "parked", "show", "4711")
    assert (missing.exit_code, missing.stderr) == (1, "There is no parked record 4711.\n")


async def test_retry_says_what_would_happen_and_does_it(config: Settings, pool: Pool) -> None:
    key = await park_a_chain(pool)
    first = str((await listed(config))[0]["parked_id"])
    still = await invoke(config, "parked", "retry", first)
    assert (still.exit_code, "still parked: 3" in still.stdout) == (1, True)
    LISTENER.broken = set()
    rehearsed = await invoke(config, "parked", "retry", first, "--dry-run", "--json")
    assert json.loads(rehearsed.stdout)["applied"] == 3
    assert await effects(pool, key) == []
    done = await invoke(config, "parked", "retry", first)
    assert (done.exit_code, "Applied: 3" in done.stdout) == (0, True)
    assert await effects(pool, key) == [1, 2, 3]
    assert await audited(pool) == [("kim", "parked retry", "")] * 2


async def test_skip_needs_a_reason_and_writes_it_down(config: Settings, pool: Pool) -> None:
    await park_a_chain(pool)
    first, second, _ = [str(row["parked_id"]) for row in await listed(config)]
    assert (await invoke(config, "parked", "skip", first)).exit_code == 2
    assert (await invoke(config, "parked", "skip", first, "--reason", " ")).exit_code == 2
    behind = await invoke(config, "parked", "skip", second, "--reason", "x")
    assert (behind.exit_code, f"waits behind record {first}" in behind.stderr) == (1, True)
    rehearsed = await invoke(config, "parked", "skip", first, "--reason", "x", "--dry-run")
    assert "Would leave out" in rehearsed.stdout
    assert await audited(pool) == []
    done = await invoke(config, "parked", "skip", first, "--reason", "a test", "--json")
    assert json.loads(done.stdout)["last"] == 1
    assert await audited(pool) == [("kim", "parked skip", "a test")]
    assert await parked_as(pool) == [(2, "behind"), (3, "behind")]


async def test_a_record_without_order_can_only_be_skipped(config: Settings, pool: Pool) -> None:
    await apply_batch(pool, LISTENER.memberships, [raw(MEMBERSHIPS, value=b"?")])
    [row] = await listed(config)
    result = await invoke(config, "parked", "retry", str(row["parked_id"]))
    assert (result.exit_code, "only skipped" in result.stderr) == (1, True)
    result = await invoke(config, "parked", "skip", str(row["parked_id"]), "--reason", "noise")
    assert result.exit_code == 0
    assert await listed(config) == []


async def test_blocked_keys_of_the_outbox_are_shown_released_and_quarantined(
    config: Settings, pool: Pool
) -> None:
    key = new_id()
    async with transaction(pool) as conn:
        await outbox.append(conn, [left(key), left(key)])
    block = "update outbox_counters set blocked_at = now(), blocked_reason = 'too large'"
    await pool.execute(block)
    status = json.loads((await invoke(config, "outbox", "status", "--json")).stdout)
    assert (status["waiting"], status["blocked"][0]["sequence"]) == (2, 1)
    assert "too large" in (await invoke(config, "outbox", "status")).stdout
    words = [MEMBERSHIPS.name, str(key), "--reason", "a test"]
    for command in ("release", "quarantine"):
        unsaid = await invoke(config, "outbox", command, *words[:2], "--reason", " ")
        assert (unsaid.exit_code, "say why" in unsaid.stderr) == (2, True)
    rehearsed = await invoke(config, "outbox", "release", *words, "--dry-run")
    assert rehearsed.stdout.startswith("Nothing was changed.")
    assert (await invoke(config, "outbox", "release", *words)).exit_code == 0
    again = await invoke(config, "outbox", "release", *words)
    assert (again.exit_code, "is not blocked" in again.stderr) == (1, True)
    await pool.execute(block)
    done = await invoke(config, "outbox", "quarantine", *words)
    assert "goes on without sequence 1" in done.stdout
    assert [command for _, command, _ in await audited(pool)] == [
        "outbox release",
        "outbox quarantine",
    ]


async def test_an_unknown_command_is_wrong_usage(config: Settings) -> None:
    assert (await invoke(config, "fly")).exit_code == 2
    assert (await invoke(config, "parked", "show", "first")).exit_code == 2
