"""What a person may ask for: to have what is kept about them corrected, or erased."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from samband_contracts import topics
from samband_kit.ids import new_id
from samband_kit.testing import Backing, create_topics, read_topic, tables_with
from samband_registration.commands import command_line
from samband_registration.registrations.handlers import answering, sending
from typer.testing import CliRunner

from tests.registration.register import PITEA, Register, register

CANARY = {"name": "Kanarie Fågel", "email": "kanarie@lund.example", "message": "Pip, säger kanarie"}
WHY = ("--reason", "asked by letter")


@pytest.fixture
async def here(backing: Backing, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Register]:
    """A register whose settings the commands find in the environment too."""
    async with register(backing) as made:
        given = made.settings
        monkeypatch.setenv("SAMBAND_DATABASE_URL", given.database_url.get_secret_value())
        monkeypatch.setenv("SAMBAND_KAFKA_SERVERS", given.kafka_servers)
        monkeypatch.setenv("SAMBAND_KAFKA_PREFIX", given.kafka_prefix)
        monkeypatch.setenv("SAMBAND_SECRET_KEYS", given.secret_keys.get_secret_value())
        await create_topics(given, [topics.CONTACT_STATE])
        yield made


async def command(*words: str) -> tuple[int, str]:
    done = await asyncio.to_thread(CliRunner().invoke, command_line(), list(words))
    return done.exit_code, done.output


async def known(here: Register, **changed: object) -> tuple[UUID, str]:
    """A confirmed registration's contact person and reference."""
    made = await here.confirmed(**(CANARY | changed))
    [row] = await here.pool.fetch(
        """
        select contact_id, reference from registrations
        join registration_contacts using (registration_id) where registration_id = $1
        """,
        made,
    )
    return row["contact_id"], row["reference"]


async def kept(here: Register, person: UUID) -> tuple[str, ...]:
    [row] = await here.pool.fetch(
        "select name, email, language from contacts where contact_id = $1", person
    )
    return tuple(row)


async def found_with(here: Register, secrets: dict[str, str]) -> list[str]:
    return [table for secret in secrets.values() for table in await tables_with(here.pool, secret)]


async def audited(here: Register) -> list[tuple[str, str, str]]:
    rows = await here.pool.fetch(
        "select command, subject, reason from operator_audit where command <> 'sign-in-link'"
    )
    return [tuple(row) for row in rows]


async def test_an_erased_person_is_gone_from_every_table_and_everybody_is_told(
    here: Register,
) -> None:
    person, _ = await known(here)
    assert await found_with(here, CANARY)
    code, said = await command("erase-contact", str(person), *WHY)
    assert (code, said) == (0, f"{person} is erased.\n")
    assert await found_with(here, CANARY) == []
    assert await here.facts(person) == ["contact.erased"]
    assert await audited(here) == [("erase-contact", str(person), "asked by letter")]
    # A pulse in each partition: Kafka may now compact what it wrote before.
    records = await read_topic(here.settings, topics.CONTACT_STATE)
    assert len(records) == topics.CONTACT_STATE.partitions


async def test_the_registration_of_an_erased_person_stands_and_can_be_answered(
    here: Register,
) -> None:
    person, reference = await known(here)
    await command("erase-contact", str(person), *WHY)
    made = await here.pool.fetchval(
        "select registration_id from registrations where reference = $1", reference
    )
    for step in (answering.open_dialogue, answering.accept):
        await step(here.pool, made, account_id=here.staff, key=str(new_id()))
    assert await here.state(made) == "accepted"


async def test_erasing_one_leaves_what_others_wrote(here: Register) -> None:
    first = await here.confirmed(name="Kim Lind", message="The first")
    second = await here.submitted(**CANARY)
    await sending.confirm(here.pool, second)
    await sending.join(here.pool, second)
    person = await here.pool.fetchval(
        "select contact_id from registration_contacts where registration_id = $1", second
    )
    await command("erase-contact", str(person), *WHY)
    assert await found_with(here, CANARY) == []
    assert "registrations" in await tables_with(here.pool, "The first")
    assert await here.state(first) == "submitted"


async def test_a_corrected_person_is_described_anew_and_the_wrong_is_forgotten(
    here: Register,
) -> None:
    person, _ = await known(here)
    code, said = await command(
        *("correct-contact", str(person), "--name", "Rätt Fågel", "--email", "ratt@lund.example"),
        *("--language", "en", *WHY, "--json"),
    )
    assert code == 0
    assert json.loads(said) == {"contact_id": str(person), "done": "corrected", "dry_run": False}
    assert await kept(here, person) == ("Rätt Fågel", "ratt@lund.example", "en")
    assert await tables_with(here.pool, CANARY["name"]) == []
    assert await tables_with(here.pool, CANARY["email"]) == []
    assert await here.facts(person) == ["contact.described"]
    assert await audited(here) == [("correct-contact", str(person), "asked by letter")]


async def test_what_is_not_corrected_stays(here: Register) -> None:
    person, _ = await known(here)
    await command("correct-contact", str(person), "--language", "en", *WHY)
    assert await kept(here, person) == (CANARY["name"], CANARY["email"], "en")


@pytest.mark.parametrize("words", [("erase-contact",), ("correct-contact", "--name", "Ny Fågel")])
async def test_a_rehearsal_changes_nothing(here: Register, words: tuple[str, ...]) -> None:
    person, _ = await known(here)
    before = await found_with(here, CANARY)
    code, said = await command(*words, str(person), *WHY, "--dry-run")
    assert code == 0
    assert said.startswith("Nothing was changed.")
    assert await found_with(here, CANARY) == before
    assert await audited(here) == []
    assert await read_topic(here.settings, topics.CONTACT_STATE) == []


@pytest.mark.parametrize("words", [("erase-contact",), ("correct-contact", "--name", "Ny Fågel")])
async def test_somebody_unknown_or_erased_is_one_sentence(
    here: Register, words: tuple[str, ...]
) -> None:
    person, _ = await known(here)
    await command("erase-contact", str(person), *WHY)
    for nobody in (str(new_id()), str(person)):
        code, said = await command(*words, nobody, *WHY)
        assert (code, said) == (1, "There is no such contact person.\n")
    assert len(await audited(here)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("--reason", "asked"),
        ("--name", "", "--reason", "asked"),
        ("--email", "nowhere", "--reason", "asked"),
        ("--language", "fr", "--reason", "asked"),
        ("--name", "Ny Fågel", "--reason", " "),
        ("--name", "Ny Fågel"),
    ],
)
async def test_a_correction_that_says_nothing_usable_is_wrong_usage(
    here: Register, wrong: tuple[str, ...]
) -> None:
    person, _ = await known(here)
    code, said = await command("correct-contact", str(person), *wrong)
    assert code == 2
    assert "Traceback" not in said
    assert await here.facts(person) == ["contact.described"]


async def test_an_operator_finds_a_person_by_reference_and_by_address(here: Register) -> None:
    person, reference = await known(here)
    again, other = await known(here, organisation_id=PITEA)
    code, said = await command("contacts", "--registration", reference.lower(), "--json")
    assert code == 0
    [shown] = json.loads(said)
    assert (shown["contact_id"], shown["registration"]) == (str(person), reference)
    code, said = await command("contacts", "--email", CANARY["email"].upper())
    assert [line.split()[:2] for line in said.splitlines()] == [
        [str(person), reference],
        [str(again), other],
    ]
    assert (await command("contacts"))[0] == 2
    code, said = await command("contacts", "--email", "nobody@lund.example")
    assert (code, said.split(":")[0]) == (0, "Nobody")
