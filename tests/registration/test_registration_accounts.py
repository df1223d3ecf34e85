"""Accounts of staff: how sessions end, what links give, how an account is closed."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from samband_contracts.values import Role
from samband_kit.database import open_pool
from samband_kit.settings import Settings
from samband_kit.testing import Backing, service_settings
from samband_registration.accounts.handlers import staff_account
from samband_registration.commands import command_line
from samband_registration.main import SERVICE
from samband_registration.settings import RegistrationSettings
from typer.testing import CliRunner

from tests.registration.register import Register, register
from tests.registration.visitor import Visitor, visitor

LIST = "/handlaggning/anmalningar"


@pytest.fixture(scope="module")
async def here(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing, human_seconds=0) as made:
        yield made


@pytest.fixture
async def stranger(here: Register) -> AsyncIterator[Visitor]:
    async with visitor(here) as somebody:
        yield somebody


@pytest.fixture
async def staff(stranger: Visitor) -> Visitor:
    await stranger.sign_in()
    return stranger


@pytest.fixture
async def settings(
    backing: Backing, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RegistrationSettings]:
    """Settings of an empty installation, in the environment too."""
    async with service_settings(backing, SERVICE.package, RegistrationSettings) as given:
        monkeypatch.setenv("SAMBAND_DATABASE_URL", given.database_url.get_secret_value())
        monkeypatch.setenv("SAMBAND_KAFKA_SERVERS", given.kafka_servers)
        monkeypatch.setenv("SAMBAND_SECRET_KEYS", given.secret_keys.get_secret_value())
        yield given


async def command(*words: str) -> tuple[int, str]:
    """Exit code and output of one of the service's commands."""
    done = await asyncio.to_thread(CliRunner().invoke, command_line(), list(words))
    return done.exit_code, done.output


async def stored(settings: Settings, query: str) -> int:
    pool = await open_pool(settings, max_size=1)
    try:
        found: int = await pool.fetchval(query)
    finally:
        await pool.close()
    return found


async def test_signing_out_ends_the_sessions_of_copied_cookies_too(staff: Visitor) -> None:
    async with visitor(staff.here) as thief:
        thief.client.cookies = httpx.Cookies(staff.client.cookies)
        assert (await thief.get(LIST)).status == 200
        await staff.post("/logga-ut")
        assert (await thief.get(LIST)).status == 401
    row = await staff.here.pool.fetchrow(
        "select epoch, active from accounts where account_id = $1", staff.here.staff
    )
    assert row is not None
    told = await staff.here.pool.fetchval(
        "select convert_from(value, 'utf8')::jsonb ->> 'epoch' from outbox"
        " where event_type = 'se.icld.account.described.v1' order by position desc limit 1"
    )
    assert (row["active"], str(row["epoch"])) == (True, told)
    await staff.sign_in()
    assert (await staff.get(LIST)).status == 200


async def test_signing_out_without_a_session_changes_nothing(stranger: Visitor) -> None:
    epochs = "select sum(epoch) from accounts"
    before = await stranger.here.pool.fetchval(epochs)
    assert (await stranger.post("/logga-ut")).status == 303
    assert await stranger.here.pool.fetchval(epochs) == before


async def test_who_signs_in_comes_to_the_first_page_that_is_theirs(stranger: Visitor) -> None:
    for role, page in ((Role.COORDINATOR, "/natverk"), (Role.STAFF, LIST)):
        who = await staff_account(
            stranger.here.pool,
            email=f"{role}@icld.example",
            name="Kim",
            operator="tests",
            roles=frozenset({role}),
        )
        entered = await stranger.post(f"/logga-in/{stranger.link('sign-in', who)}")
        assert entered.answer.headers["location"] == page


async def test_an_account_has_the_roles_that_its_first_link_gave(
    settings: RegistrationSettings,
) -> None:
    mine = ("sign-in-link", "--email", "kim@icld.example")
    assert (await command(*mine, "--role", "coordinator"))[0] == 0
    assert (await command(*mine))[0] == 0
    assert (await command(*mine, "--role", "owner"))[0] == 2
    code, output = await command(*mine, "--role", "staff")
    assert (code, "coordinator" in output) == (1, True)
    assert await stored(settings, "select count(*) from accounts where roles = '{coordinator}'")
    audited = "select count(*) from operator_audit where command = 'sign-in-link'"
    assert await stored(settings, audited) == 2


async def test_closing_an_account_ends_it_everywhere_and_is_written_down(
    settings: RegistrationSettings,
) -> None:
    assert (await command("sign-in-link", "--email", "kim@icld.example"))[0] == 0
    words = ("close-account", "--email", "Kim@ICLD.example", "--reason", "has left", "--json")
    closed = "select count(*) from accounts where not active and epoch = 2"
    code, output = await command(*words, "--dry-run")
    assert (code, json.loads(output)["dry_run"], await stored(settings, closed)) == (0, True, 0)
    outputs = [json.loads((await command(*words))[1]) for _ in range(2)]
    assert [output["closed"] for output in outputs] == [True, False]
    assert await stored(settings, closed) == 1
    described = "select count(*) from outbox where event_type = 'se.icld.account.described.v1'"
    assert await stored(settings, described) == 2
    audited = "select count(*) from operator_audit where command = 'close-account'"
    assert await stored(settings, f"{audited} and reason = 'has left'") == 1
    assert (await command("sign-in-link", "--email", "kim@icld.example"))[0] == 1
    unknown = ("close-account", "--email", "nobody@icld.example", "--reason", "x")
    assert (await command(*unknown))[0] == 1
    assert (await command(*words[:3], "--reason", " "))[0] == 2
