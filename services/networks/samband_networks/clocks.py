"""Clocks: what time it is where a network's members are.

A country's zone comes from the Unicode CLDR. Countries with several zones have
no single time to show and are left out; a coordinator who meets with one of
them names the time in the agenda.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import get_global
from babel.dates import get_timezone_location
from babel.lists import format_list
from samband_kit.web.i18n import _, language
from samband_kit.web.times import SWEDEN, format_datetime, format_period


@cache
def zones() -> dict[str, str]:
    """Every zone that belongs to a country, with that country."""
    return dict(get_global("zone_territories"))


def zones_of(countries: Iterable[str]) -> list[str]:
    """The zones of those countries that have a single one, in order of country."""
    by_country: dict[str, list[str]] = {country: [] for country in sorted(set(countries))}
    for zone, country in zones().items():
        if country in by_country:
            by_country[country].append(zone)
    return [found[0] for found in by_country.values() if len(found) == 1]


def zone_choices(countries: Iterable[str], chosen: str = SWEDEN) -> list[tuple[str, str]]:
    """The zones to pick a meeting's times in: Sweden's, the members', and the one chosen."""
    offered = dict.fromkeys([SWEDEN, *zones_of(countries), chosen])
    return [(zone, f"{country_name(zones()[zone])} ({_place(zone)})") for zone in offered]


def when(starts_at: datetime, ends_at: datetime, countries: Iterable[str]) -> str:
    """The time in Sweden, and when that begins where the members are.

    "tis 9 februari 2027 kl. 10.00–11.30, svensk tid · 11.00 i Gaborone och Lusaka"
    """
    return " · ".join([format_period(starts_at, ends_at), *elsewhere(starts_at, countries)])


def elsewhere(moment: datetime, countries: Iterable[str]) -> list[str]:
    """What the clocks show in other countries, one text for each time of day."""
    here = moment.astimezone(ZoneInfo(SWEDEN))
    places: dict[str, list[str]] = {}
    for zone in zones_of(countries):
        if zone == SWEDEN:
            continue
        there = moment.astimezone(ZoneInfo(zone))
        clock = there.strftime("%H.%M" if language() == "sv" else "%H:%M")
        if there.date() != here.date():
            clock = format_datetime(moment, zone).rpartition(",")[0]
        places.setdefault(clock, []).append(_place(zone))
    return [
        _("{time} in {place}", time=clock, place=format_list(sorted(named), locale=_locale()))
        for clock, named in places.items()
    ]


def country_name(country: str) -> str:
    """The country's name in the reader's language, its code if it has none."""
    name: str = Locale.parse(_locale()).territories.get(country, country)
    return name


def _place(zone: str) -> str:
    return get_timezone_location(zone, locale=_locale(), return_city=True)


def _locale() -> str:
    return "sv_SE" if language() == "sv" else "en_GB"
