"""The service as a whole: its jobs, its commands, its facts on Kafka, its Swedish."""

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from samband_contracts import topics
from samband_kit.database import open_pool
from samband_kit.service import Kind
from samband_kit.settings import Settings
from samband_kit.testing import Backing, eventually, read_events, running, service_settings
from samband_kit.web.catalogue_gaps import catalogue_gaps
from samband_registration.commands import command_line
from samband_registration.main import SERVICE
from samband_registration.registrations.handlers.sending import confirm
from samband_registration.settings import RegistrationSettings
from typer.testing import CliRunner

from tests.registration.register import register


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


def test_everything_is_said_in_swedish_too() -> None:
    assert catalogue_gaps("samband_registration") == []


async def test_a_new_installation_fills_its_register_and_tells_everybody(
    settings: RegistrationSettings,
) -> None:
    async with running(SERVICE, settings, Kind.CONSUME) as service:

        async def told() -> bool:
            events = await read_events(settings, topics.ORGANISATION_STATE)
            return len({event.subject for event in events}) == 310

        await eventually(told, 30)
        assert await service.pool.fetchval("select count(*) from themes") == 8


async def test_the_facts_of_a_registration_arrive_in_order(backing: Backing) -> None:
    async with register(backing) as here, running(SERVICE, here.settings, Kind.CONSUME) as service:
        made = await here.submitted()
        await confirm(here.pool, made)

        async def told() -> bool:
            events = await read_events(here.settings, topics.REGISTRATIONS)
            return [(one.subject, one.sequence, one.type) for one in events] == [
                (str(made), 1, "se.icld.interest-registration.received.v1"),
                (str(made), 2, "se.icld.interest-registration.submitted.v1"),
            ]

        await eventually(told, 30)
        assert service.metric("samband_registration_records", state="expired") == 0


async def test_registrations_are_counted_by_state(backing: Backing) -> None:
    async with register(backing) as here:
        await here.confirmed()
        async with running(SERVICE, here.settings, Kind.CONSUME) as service:
            await eventually(
                lambda: service.metric("samband_registration_records", state="submitted") == 1
            )


async def test_open_call_opens_one_and_with_if_none_no_second(
    settings: RegistrationSettings,
) -> None:
    answers = [json.loads((await command("open-call", "--if-none", "--json"))[1]) for _ in range(2)]
    assert [answer["new"] for answer in answers] == [True, False]
    assert answers[0]["address"] == answers[1]["address"]
    assert (await command("open-call", "--title-sv", "Miljö"))[0] == 0
    assert await stored(settings, "select count(*) from calls") == 2
    assert (await command("open-call", "--days", "0"))[0] == 2


async def test_sign_in_links_belong_to_one_account_per_address(
    settings: RegistrationSettings,
) -> None:
    links = [json.loads((await command("sign-in-link", "--json"))[1])["link"] for _ in range(2)]
    assert len(set(links)) == 2
    assert urlsplit(links[0]).path.startswith("/logga-in/")
    assert (await command("sign-in-link", "--email", "kim@icld.example"))[0] == 0
    assert await stored(settings, "select count(*) from accounts") == 2
    described = "select count(*) from outbox where event_type = 'se.icld.account.described.v1'"
    assert await stored(settings, described) == 2


async def test_load_register_says_what_it_changed(settings: RegistrationSettings) -> None:
    outputs = [await command("load-register") for _ in range(2)]
    assert outputs == [(0, "310 organisations changed.\n"), (0, "0 organisations changed.\n")]
    assert await stored(settings, "select count(*) from organisations") == 310


async def test_a_command_without_settings_says_which_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DATABASE_URL", "KAFKA_SERVERS", "SECRET_KEYS"):
        monkeypatch.delenv(f"SAMBAND_{name}", raising=False)
    code, output = await command("sign-in-link")
    assert (code, "SAMBAND_DATABASE_URL" in output) == (2, True)
