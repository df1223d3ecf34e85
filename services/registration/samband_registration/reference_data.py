"""What the package brings: Sweden's municipalities, regions and counties, and the first themes."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files

from samband_contracts.values import Localised, Organisation, OrganisationKind

from samband_registration.organisations.domain import (
    OrganisationEntry,
    municipality_names,
    official_id,
)
from samband_registration.organisations.store import County
from samband_registration.registrations.store.themes import Theme

GOTLAND = "0980"


def counties() -> list[County]:
    """The 21 counties."""
    return [County(row["code"], row["letter"], row["name"]) for row in _rows("counties.csv")]


def themes() -> list[Theme]:
    """The themes that a new installation begins with."""
    return [
        Theme(row["theme"], Localised(sv=row["sv"], en=row["en"])) for row in _rows("themes.csv")
    ]


def organisations() -> list[OrganisationEntry]:
    """The 290 municipalities and 20 regions with everything that they are called."""
    aliases = defaultdict[tuple[str, str], list[str]](list)
    for row in _rows("aliases.csv"):
        aliases[row["kind"], row["code"]].append(row["alias"])
    short_names = {row["code"]: row["short_name"] for row in _rows("counties.csv")}
    return [
        *(
            _entry(
                OrganisationKind.MUNICIPALITY,
                row,
                short_name=row["short_name"],
                aliases=(
                    *municipality_names(row["short_name"]),
                    *aliases["municipality", row["code"]],
                ),
            )
            for row in _rows("municipalities.csv")
        ),
        *(
            _entry(
                OrganisationKind.REGION,
                row,
                short_name=row["name"],
                aliases=(f"Region {short_names[row['county']]}", *aliases["region", row["code"]]),
            )
            for row in _rows("regions.csv")
        ),
    ]


def _entry(
    kind: OrganisationKind, row: dict[str, str], *, short_name: str, aliases: tuple[str, ...]
) -> OrganisationEntry:
    return OrganisationEntry(
        organisation=Organisation(
            organisation_id=official_id(kind, row["code"]),
            name=row["name"],
            kind=kind,
            country="SE",
            code=row["code"],
        ),
        short_name=short_name,
        county_code=row["county"],
        has_region_tasks=kind is OrganisationKind.REGION or row["code"] == GOTLAND,
        aliases=tuple(
            dict.fromkeys(name for name in aliases if name not in (row["name"], short_name))
        ),
    )


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files("samband_registration") / "data" / name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())
