"""Who plays in the story: the pairs of the first human-rights network.

Names of people are invented, and addresses carry the run's mark, so that the
story can be played again on the same stack.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

from babel import Locale

OFFICERS = {
    "2581": ("Åsa Öberg", "Piteå"),
    "0680": ("Jonas Lind", "Jönköping"),
    "1492": ("Märta Ek", "Åmål"),
    "2121": ("Sven Hed", "Ovanåker"),
    "2080": ("Karin Dahl", "Falun"),
    "2183": ("Leila Haddad", "Bollnäs"),
    "1960": ("Ola Berg", "Kungsör"),
    "1281": ("Eva Nyström", "Lund"),
}
SECOND_LUND = ("Per Sjögren", "Lund")


@dataclass(frozen=True)
class Officer:
    """A contact person, and what their municipality has decided."""

    name: str
    municipality: str
    email: str
    counterpart: str | None
    """Name of the counterpart; None: not decided yet."""


@dataclass(frozen=True)
class Counterpart:
    """A local government abroad."""

    name: str
    country: str
    """ISO 3166-1 alpha-2."""

    @property
    def country_name(self) -> str:
        """As the pages show it in English."""
        return str(Locale("en").territories[self.country])


@dataclass(frozen=True)
class Cast:
    """Everybody in the story. `second_lund` registers what Lund already has."""

    network: str
    officers: tuple[Officer, ...]
    second_lund: Officer
    counterparts: tuple[Counterpart, ...]


def cast(mark: str) -> Cast:
    """The cast of one run; `mark` makes its addresses differ from other runs'."""
    text = files("samband_local.story").joinpath("data/first_human_rights_network.json")
    story = json.loads(text.read_text(encoding="utf-8"))
    counterparts, officers = [], []
    for pair in story["partnerships"]:
        counterpart = Counterpart(pair["counterpart"]["name"], pair["counterpart"]["country"])
        name, municipality = OFFICERS[pair["swedish"]]
        counterparts.append(counterpart)
        officers.append(Officer(name, municipality, _address(name, mark), counterpart.name))
    name, municipality = SECOND_LUND
    return Cast(
        network=story["network"],
        officers=tuple(officers),
        second_lund=Officer(name, municipality, _address(name, mark), None),
        counterparts=tuple(counterparts),
    )


def _address(name: str, mark: str) -> str:
    plain = name.lower().translate(str.maketrans("åäöø ", "aaoo."))
    return f"{plain}.{mark}@kommun.example"
