"""The network between a service and what it needs: slow, silent, one-way, cut."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from _pytest.mark import ParameterSet

from tests.faults.cases import Area, Invariant, case
from tests.faults.ledgers import MODULE, Ledger, ledger
from tests.faults.processes import ServiceProcess, process
from tests.faults.proxy import (
    BLACKHOLE,
    CLEAR,
    HALF_CLOSED,
    REPLIES_LOST,
    REQUESTS_LOST,
    RESET,
    Weather,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.faults.ground import Ground
    from tests.faults.recording import Recovering

SAFE = (
    Invariant.I1,
    Invariant.I2,
    Invariant.I3,
    Invariant.I4,
    Invariant.I8,
    Invariant.I13,
)
QUICK = {
    "300 ms each way, give or take 200": Weather(delay=0.3, jitter=0.2),
    "blackhole": BLACKHOLE,
    "replies lost": REPLIES_LOST,
}
SILENT = (BLACKHOLE, REPLIES_LOST)
"""Longer than anybody waits for a reply, in a full run."""
MORE = {
    "requests lost": REQUESTS_LOST,
    "reset": RESET,
    "half-closed": HALF_CLOSED,
    "cut after 2000 bytes of replies": Weather(replies_left=2000),
    "cut after 2000 bytes of requests": Weather(requests_left=2000),
}
AT_COMMIT = {
    "cut at the reply to COMMIT": Weather(replies_left=0, once_said=b"COMMIT;"),
    "silent from COMMIT on": Weather(lose_replies=True, once_said=b"COMMIT;"),
}


@dataclass
class Exposed:
    """A ledger at work behind the proxies."""

    books: Ledger
    process: ServiceProcess


@pytest.fixture(scope="module")
async def exposed(
    rough_ground: Ground,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Exposed]:
    folder = tmp_path_factory.mktemp("network")
    async with ledger(rough_ground.backing, folder, 1) as books:
        behind = rough_ground.behind(books.settings)
        async with process(MODULE, "consume", behind, folder) as one:
            await one.ready()
            await books.work(5)
            await books.well()
            yield Exposed(books, one)


def _a_case(server: str, name: str, weather: Weather, *, long: bool) -> ParameterSet:
    return pytest.param(
        server,
        weather,
        id=f"{server}: {name}",
        marks=case(
            Area.INFRASTRUCTURE,
            f"the network to {server.capitalize()}: {name}",
            how="a proxy between service and server, under load",
            holds=SAFE,
            long=long,
        ),
    )


@pytest.mark.parametrize(
    ("server", "weather"),
    [
        *(_a_case("kafka", *named, long=False) for named in QUICK.items()),
        *(_a_case("kafka", *named, long=True) for named in MORE.items()),
        *(_a_case("postgres", *named, long=False) for named in (QUICK | AT_COMMIT).items()),
        *(_a_case("postgres", *named, long=True) for named in MORE.items()),
    ],
)
async def test_bad_weather_loses_and_repeats_nothing(
    rough: Ground,
    exposed: Exposed,
    server: str,
    weather: Weather,
    seed: int,
    full: bool,
    recovering: Recovering,
) -> None:
    network = rough.to_kafka if server == "kafka" else rough.to_postgres
    books = exposed.books
    for source in (books.random, network.random):
        # Of its own in each case: the names of commands are drawn from it too.
        source.seed(f"{seed} {server} {weather}")
    network.weather = weather
    for _ in range(10):
        await books.work(2)
        await asyncio.sleep(0.15 if not full else 4.5 if weather in SILENT else 1.5)
    assert network.struck or weather.delay
    network.weather = CLEAR
    with recovering():
        await books.work(2)
        await books.well()
    await books.check()
    assert exposed.process.process.returncode is None
