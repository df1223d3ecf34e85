"""The command that makes Kafka's access rules what the contracts say, and only those."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from samband_contracts.topics import CALLS, CONTACT_STATE
from samband_kit.access_rules import SubscriberRefused, access_rules, ensure_access
from samband_kit.kafka.rules import Authorizer, Operation, Pattern, Resource, Rule
from samband_kit.operating import operator_cli
from samband_kit.settings import KafkaSettings
from samband_kit.testing import topic_prefix
from samband_kit.topics import physical
from typer.testing import CliRunner, Result

from tests.kit.guarded import ADMIN, guarded, named
from tests.kit.listening_service import SERVICE
from tests.kit.log_state import kept_logs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from samband_local.kafka import Kafka


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with guarded(tmp_path_factory.mktemp("guarded"), "networks", "operator") as broker:
        yield broker


def settings(kafka: Kafka, name: str = ADMIN) -> KafkaSettings:
    return KafkaSettings(**named(kafka, name))


@pytest.fixture
async def alone(kafka: Kafka) -> AsyncIterator[KafkaSettings]:
    """An installation that nobody else looks at, without rules before and after."""
    fresh = settings(kafka).model_copy(update={"kafka_prefix": topic_prefix()})
    yield fresh
    async with Authorizer(fresh.kafka) as admin:
        await admin.withdraw(
            rule for rule in await admin.rules() if rule.name.startswith(fresh.kafka_prefix)
        )


async def rules_of(given: KafkaSettings) -> set[Rule]:
    async with Authorizer(given.kafka) as kafka:
        found = await kafka.rules()
    return {rule for rule in found if rule.name.startswith(given.kafka_prefix)}


async def test_rules_are_made_once_and_a_rehearsal_makes_none(alone: KafkaSettings) -> None:
    wanted = access_rules(alone.kafka_prefix)
    assert await ensure_access(alone, dry_run=True) == [f"Would allow {rule}." for rule in wanted]
    assert await rules_of(alone) == set()
    assert await ensure_access(alone) == [f"Allowed {rule}." for rule in wanted]
    assert await rules_of(alone) == set(wanted)
    assert await ensure_access(alone) == []


async def test_what_the_contracts_say_no_more_is_taken_away(alone: KafkaSettings) -> None:
    before = [replace(CALLS, owner="notifications", readers=("networks",))]
    await ensure_access(alone, before)
    name = physical(alone.kafka_prefix, CALLS)
    taken = [
        f"notifications: read topic {name}.",
        f"notifications: write topic {name}.",
    ]
    rehearsed = await ensure_access(alone, dry_run=True)
    assert [one for one in rehearsed if "Would take" in one] == [
        f"Would take from {o}" for o in taken
    ]
    changed = await ensure_access(alone)
    assert [one for one in changed if "Took" in one] == [f"Took from {one}" for one in taken]
    assert await rules_of(alone) == set(access_rules(alone.kafka_prefix))


def left(*rules: Rule) -> list[str]:
    return [f"Left as it is, though no contract says so: {rule}." for rule in sorted(rules)]


async def test_what_anybody_else_may_do_with_our_names_stays_and_is_told(
    alone: KafkaSettings,
) -> None:
    begin = alone.kafka_prefix
    contacts = physical(begin, CONTACT_STATE)
    told = [
        Rule("*", Resource.TOPIC, contacts, Operation.READ),
        Rule("*", Resource.CLUSTER, "kafka-cluster", Operation.ALTER),
        Rule("monitor", Resource.TOPIC, f"{begin}samband.", Operation.READ, Pattern.PREFIXED),
        Rule("monitor", Resource.GROUP, "*", Operation.READ),
        Rule("networks", Resource.TOPIC, begin, Operation.ALL, Pattern.PREFIXED),
    ]
    untold = [
        Rule("*", Resource.TOPIC, f"{begin}weather", Operation.READ),
        Rule("monitor", Resource.CLUSTER, "kafka-cluster", Operation.DESCRIBE),
    ]
    async with Authorizer(alone.kafka) as kafka:
        await kafka.allow([*told, *untold])
        try:
            assert [one for one in await ensure_access(alone) if "Left" in one] == left(*told)
            assert await ensure_access(alone) == left(*told)
            assert await kafka.rules() == {*told, *untold, *access_rules(begin)}
        finally:
            await kafka.withdraw([*told, *untold])


async def test_a_subscriber_that_is_not_named_stays_and_is_told_until_it_is_withdrawn(
    alone: KafkaSettings,
) -> None:
    await ensure_access(alone, subscribers=["museum", "statistics"])
    begin = alone.kafka_prefix
    public, groups = access_rules(begin, topics=[], subscribers=["museum"])[-2:]
    assert await ensure_access(alone, subscribers=["statistics"]) == left(public)
    leaving = await invoke(alone, "access", "--subscriber", "statistics", "--withdraw", "museum")
    assert set(leaving.stdout.splitlines()) == {f"Took from {o}." for o in (public, groups)}
    assert await rules_of(alone) == set(access_rules(begin, subscribers=["statistics"]))


async def test_whoever_is_withdrawn_is_no_longer_a_subscriber_and_loses_our_names_alone(
    alone: KafkaSettings,
) -> None:
    begin = alone.kafka_prefix
    others = Rule("subscriber", Resource.TOPIC, f"{begin}weather", Operation.READ)
    extra = Rule("subscriber", Resource.TOPIC, physical(begin, CONTACT_STATE), Operation.READ)
    await ensure_access(alone)
    async with Authorizer(alone.kafka) as kafka:
        await kafka.allow([others, extra])
    await ensure_access(alone, withdrawn=["subscriber"])
    assert await rules_of(alone) == {others, *access_rules(begin, subscribers=[])}


@pytest.mark.parametrize("name", ["networks", "operator", "*"])
async def test_nobody_but_a_subscriber_can_be_withdrawn(alone: KafkaSettings, name: str) -> None:
    result = await invoke(alone, "access", "--withdraw", name)
    assert (result.exit_code, "cannot be called" in result.stderr) == (1, True)
    assert await rules_of(alone) == set()


async def test_each_subscriber_has_groups_of_its_own(alone: KafkaSettings) -> None:
    await ensure_access(alone, subscribers=["statistics", "county"])
    found = await rules_of(alone)
    for name in ("statistics", "county"):
        assert {(rule.name, rule.operation) for rule in found if rule.principal == name} == {
            (f"{alone.kafka_prefix}samband.public.", Operation.READ),
            (f"{alone.kafka_prefix}{name}.", Operation.READ),
        }
    # Another one gets in without those that are there being named again.
    await ensure_access(alone, subscribers=["museum"])
    assert found < await rules_of(alone)


@pytest.mark.parametrize("name", ["networks", "operator", "samband", "samband.networks", "A", ""])
def test_a_subscriber_cannot_be_called_like_somebody_who_may_do_more(name: str) -> None:
    with pytest.raises(SubscriberRefused, match="cannot be called"):
        access_rules(subscribers=[name])


async def invoke(given: KafkaSettings, *words: str) -> Result:
    assert given.kafka_username
    assert given.kafka_password
    env = {
        "SAMBAND_KAFKA_SERVERS": given.kafka_servers,
        "SAMBAND_KAFKA_PREFIX": given.kafka_prefix,
        "SAMBAND_KAFKA_SECURITY": "sasl_plaintext",
        "SAMBAND_KAFKA_USERNAME": given.kafka_username,
        "SAMBAND_KAFKA_PASSWORD": given.kafka_password.get_secret_value(),
    }
    with kept_logs():
        cli = operator_cli(SERVICE)
        return await asyncio.to_thread(lambda: CliRunner().invoke(cli, words, env=env))


async def test_the_command_says_what_it_does_and_what_it_would_do(alone: KafkaSettings) -> None:
    rehearsed = await invoke(alone, "access", "--dry-run", "--json", "--subscriber", "statistics")
    wanted = access_rules(alone.kafka_prefix, subscribers=["statistics"])
    assert json.loads(rehearsed.stdout) == {"would_change": [f"Would allow {r}." for r in wanted]}
    done = await invoke(alone, "access", "--subscriber", "statistics")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, len(wanted))
    again = await invoke(alone, "access", "--subscriber", "statistics")
    assert again.stdout == "All rules are as they should be.\n"


async def test_rules_and_topics_are_not_for_everybody_to_change(
    kafka: Kafka, alone: KafkaSettings
) -> None:
    for name in ("operator", "networks"):
        result = await invoke(settings(kafka, name), "access")
        assert (result.exit_code, "does not allow it" in result.stderr) == (1, True)
    fresh = settings(kafka, "networks").model_copy(update={"kafka_prefix": alone.kafka_prefix})
    result = await invoke(fresh, "topics", "--all")
    assert (result.exit_code, "does not allow it" in result.stderr) == (1, True)


async def test_a_subscriber_of_a_forbidden_name_is_a_sentence(alone: KafkaSettings) -> None:
    result = await invoke(alone, "access", "--subscriber", "networks")
    assert (result.exit_code, "cannot be called 'networks'" in result.stderr) == (1, True)
