"""Organisations: what they are called, and when two names mean the same one.

Names vary ("Falun", "Falu kommun", "Falun municipality"), so every name is
also kept folded: lower case, without accents and punctuation. Ids of Swedish
organisations come from their official codes and are the same everywhere.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from samband_contracts.organisations import OrganisationDescribed
from samband_contracts.values import Organisation, OrganisationKind
from samband_kit.errors import Conflict, NotFound

_CODES: Final = UUID("6f6d1c56-0f6c-5a0e-9a4b-2f5d3a9c7b10")
_LETTERS: Final = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "đ": "d", "ł": "l"})
_GENERIC: Final = frozenset(
    [
        "kommun",
        "kommuns",
        "stad",
        "stads",
        "municipality",
        "local",
        "metropolitan",
        "district",
        "town",
        "city",
        "of",
        "the",
    ]
)


class OrganisationUnknown(NotFound):
    """There is no such organisation."""


class OrganisationKnownAlready(Conflict):
    """{name} is in the list already."""


class OrganisationSimilar(Conflict):
    """There are organisations with similar names: {names}. Add it only if it is another one."""


@dataclass(frozen=True, slots=True)
class OrganisationEntry:
    """One organisation of the register, with everything it is called."""

    organisation: Organisation
    short_name: str
    county_code: str | None
    has_region_tasks: bool
    aliases: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name once, the official one first."""
        return tuple(dict.fromkeys((self.organisation.name, self.short_name, *self.aliases)))

    def described(self) -> OrganisationDescribed:
        """The event that tells others what is known now."""
        return OrganisationDescribed(
            organisation=self.organisation, county_code=self.county_code, aliases=self.names[1:]
        )


@dataclass(frozen=True, slots=True)
class AddForeignOrganisation:
    """Staff name a counterpart abroad; `anyway` where similar names exist."""

    name: str
    country: str
    anyway: bool = False


def official_id(kind: OrganisationKind, code: str) -> UUID:
    """The id of a Swedish organisation, from its official code."""
    return uuid5(_CODES, f"SE:{kind}:{code}")


def fold(name: str) -> str:
    """What two spellings of a name have in common: 'Ånge kommun' -> 'ange kommun'."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(re.findall(r"\w+", letters.replace("_", " ")))


def stem(name: str) -> str:
    """The folded name without words that any municipality may have."""
    folded = fold(name)
    own = [word for word in folded.split() if word not in _GENERIC]
    return " ".join(own) or folded


def municipality_names(short_name: str) -> tuple[str, ...]:
    """The ways in which people write the name of a municipality."""
    return (f"{short_name} kommun", f"{short_name} municipality")


def add_foreign(
    command: AddForeignOrganisation, organisation_id: UUID, similar: Sequence[Organisation]
) -> tuple[OrganisationEntry, OrganisationDescribed]:
    """A new organisation abroad; refuses a name that its country has already.

    `similar` are that country's organisations whose stem is the same.
    """
    for known in similar:
        if fold(known.name) == fold(command.name):
            raise OrganisationKnownAlready(name=known.name)
    if similar and not command.anyway:
        raise OrganisationSimilar(names=", ".join(known.name for known in similar))
    entry = OrganisationEntry(
        organisation=Organisation(
            organisation_id=organisation_id,
            name=command.name,
            kind=OrganisationKind.FOREIGN_LOCAL_GOVERNMENT,
            country=command.country,
        ),
        short_name=command.name,
        county_code=None,
        has_region_tasks=False,
        aliases=(),
    )
    return entry, entry.described()
