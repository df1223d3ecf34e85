"""Organisations: the register, what people type, and counterparts abroad."""

from collections.abc import AsyncIterator

import pytest
from samband_kit.testing import Backing
from samband_registration.organisations import store
from samband_registration.organisations.domain import (
    AddForeignOrganisation,
    OrganisationKnownAlready,
    OrganisationSimilar,
    fold,
    stem,
)
from samband_registration.organisations.handlers import (
    add_foreign_organisation,
    find,
    load_register,
)
from samband_registration.reference_data import organisations

from tests.registration.register import Register, register


@pytest.fixture(scope="module")
async def here(backing: Backing) -> AsyncIterator[Register]:
    async with register(backing) as made:
        yield made


async def found(here: Register, typed: str) -> str | None:
    one, _ = await here.read(find, typed)
    return None if one is None else one.name


async def offered(here: Register, typed: str) -> list[str]:
    _, several = await here.read(find, typed)
    return [listed.organisation.name for listed in several]


def test_the_register_holds_every_municipality_and_region() -> None:
    kinds = [str(entry.organisation.kind) for entry in organisations()]
    assert (kinds.count("municipality"), kinds.count("region")) == (290, 20)


def test_every_county_has_as_many_municipalities_as_in_reality() -> None:
    counted: dict[str | None, int] = {}
    for entry in organisations():
        if entry.organisation.kind == "municipality":
            counted[entry.county_code] = counted.get(entry.county_code, 0) + 1
    assert counted == {
        "01": 26,
        "03": 8,
        "04": 9,
        "05": 13,
        "06": 13,
        "07": 8,
        "08": 12,
        "09": 1,
        "10": 5,
        "12": 33,
        "13": 6,
        "14": 49,
        "17": 16,
        "18": 12,
        "19": 10,
        "20": 15,
        "21": 10,
        "22": 7,
        "23": 8,
        "24": 15,
        "25": 14,
    }


def test_gotland_is_a_municipality_with_a_regions_tasks() -> None:
    (gotland,) = [entry for entry in organisations() if entry.organisation.code == "0980"]
    assert gotland.organisation.kind == "municipality"
    assert gotland.has_region_tasks
    assert "Region Gotland" in gotland.names


def test_only_habo_and_habo_with_a_ring_share_a_folded_name() -> None:
    owners: dict[str, set[str]] = {}
    for entry in organisations():
        for name in entry.names:
            owners.setdefault(fold(name), set()).add(entry.organisation.name)
    shared = [names for names in owners.values() if len(names) > 1]
    assert shared == [{"Håbo kommun", "Habo kommun"}] * 3


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Falun", "Falu kommun"),
        ("Falu kommun", "Falu kommun"),
        ("Falun municipality", "Falu kommun"),
        ("  FALUN ", "Falu kommun"),
        ("Ovanaker", "Ovanåkers kommun"),
        ("Goteborg", "Göteborgs kommun"),
        ("Gothenburg", "Göteborgs kommun"),
        ("Göteborgs stad", "Göteborgs kommun"),
        ("Stockholms stad", "Stockholms kommun"),
        ("malmö stad", "Malmö kommun"),
        ("Haparanda stad", "Haparanda kommun"),
        ("Region Gotland", "Gotlands kommun"),
        ("Jonköping", "Jönköpings kommun"),
        ("Region Jönköping", "Region Jönköpings län"),
        ("Amal", "Åmåls kommun"),
        ("A\u030am\u00e5l", "Åmåls kommun"),
        ("Upplands Bro", "Upplands-Bro kommun"),
        ("Håbo", "Håbo kommun"),
    ],
)
async def test_a_name_is_understood_however_it_is_written(
    here: Register, typed: str, name: str
) -> None:
    assert await found(here, typed) == name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Habo", "Habo kommun"),
        ("Ovannåker", "Ovanåkers kommun"),
        ("Jönkoping kommn", "Jönköpings kommun"),
        ("Örnsköldvik", "Örnsköldsviks kommun"),
        ("Amol", "Åmåls kommun"),
        ("Hjoo", "Hjo kommun"),
        ("lunds komun", "Lunds kommun"),
        ("Dalarnas region", "Region Dalarna"),
    ],
)
async def test_a_misspelled_name_is_offered(here: Register, typed: str, name: str) -> None:
    assert await found(here, typed) is None
    assert name in await offered(here, typed)


@pytest.mark.parametrize("typed", ["Xqzwv", "'; drop table organisations; --", "%", "_", "kommun"])
async def test_what_resembles_nothing_finds_nothing(here: Register, typed: str) -> None:
    assert await found(here, typed) is None
    assert await offered(here, typed) == []


async def test_an_organisation_abroad_cannot_register(here: Register) -> None:
    assert await found(here, "Chinsali") is None


async def test_names_are_sorted_as_swedish_is(here: Register) -> None:
    names = await here.read(store.names, country="SE")
    assert names.index("Övertorneå kommun") > names.index("Älvsbyns kommun")
    assert names.index("Älvsbyns kommun") > names.index("Åstorps kommun")
    assert names.index("Åstorps kommun") > names.index("Ystads kommun")


async def test_loading_again_changes_and_announces_nothing(here: Register) -> None:
    before = await here.pool.fetchval("select count(*) from outbox")
    assert await load_register(here.pool) == 0
    assert await here.pool.fetchval("select count(*) from outbox") == before


async def test_every_organisation_is_announced(here: Register) -> None:
    announced = await here.pool.fetchval(
        "select count(distinct key) from outbox where topic = 'samband.public.organisation-state'"
    )
    assert announced == await here.pool.fetchval("select count(*) from organisations")


@pytest.mark.parametrize("name", ["Chinsali", "CHINSALI", "Chinsáli"])
async def test_a_known_counterpart_is_not_added_again(here: Register, name: str) -> None:
    with pytest.raises(OrganisationKnownAlready):
        await add_foreign_organisation(here.pool, AddForeignOrganisation(name, "ZM", anyway=True))


async def test_a_similar_counterpart_is_added_only_on_purpose(here: Register) -> None:
    similar = AddForeignOrganisation("Chinsali Municipality", "ZM")
    with pytest.raises(OrganisationSimilar, match="Chinsali"):
        await add_foreign_organisation(here.pool, similar)
    added = await add_foreign_organisation(
        here.pool, AddForeignOrganisation("Chinsali Municipality", "ZM", anyway=True)
    )
    assert await here.facts(added.organisation_id) == ["organisation.described"]


def test_general_words_do_not_make_a_name() -> None:
    assert stem("Mogale City Local Municipality") == stem("Mogale") == "mogale"
    assert stem("City of the municipality") == "city of the municipality"
