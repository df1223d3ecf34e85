"""The weather of the proxy itself: a fault that does not happen proves nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from samband_kit.testing import eventually

from tests.faults.proxy import (
    BLACKHOLE,
    CLEAR,
    HALF_CLOSED,
    REPLIES_LOST,
    REQUESTS_LOST,
    RESET,
    Proxy,
    Weather,
    proxy,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SILENCE = 0.15


@asynccontextmanager
async def an_echo(heard: list[bytes]) -> AsyncIterator[Proxy]:
    """A proxy in front of a server that says everything twice and notes what it heard."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(1 << 20):
                heard.append(piece)
                writer.write(piece * 2)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as network:
        yield network
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def a_client(
    network: Proxy,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", network.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def silent(reader: asyncio.StreamReader) -> bool:
    try:
        await asyncio.wait_for(reader.read(1), SILENCE)
    except TimeoutError:
        return True
    return False


async def test_in_clear_weather_everything_passes_and_the_end_too() -> None:
    heard: list[bytes] = []
    async with an_echo(heard) as network, a_client(network) as (reader, writer):
        sent = b"a" * 3_000_000
        writer.write(sent)
        writer.write_eof()
        assert len(await reader.read(-1)) == 2 * len(sent)
        assert b"".join(heard) == sent
        assert network.struck == 0


async def test_a_delay_is_added_each_way_and_keeps_the_order() -> None:
    heard: list[bytes] = []
    async with an_echo(heard) as network, a_client(network) as (reader, writer):
        network.weather = Weather(delay=0.1, jitter=0.05)
        began = asyncio.get_running_loop().time()
        for number in range(20):
            writer.write(b"%02d" % number)
            await asyncio.sleep(0)
        await reader.readexactly(80)
        assert asyncio.get_running_loop().time() - began >= 0.1
        assert b"".join(heard) == b"".join(b"%02d" % number for number in range(20))


@pytest.mark.parametrize("weather", [BLACKHOLE, REQUESTS_LOST, REPLIES_LOST])
async def test_a_lost_byte_stays_lost_and_costs_the_connection(weather: Weather) -> None:
    heard: list[bytes] = []
    async with an_echo(heard) as network, a_client(network) as (reader, writer):
        writer.write(b"before")
        await reader.readexactly(12)
        network.weather = weather
        writer.write(b"lost")
        assert await silent(reader)
        assert (b"lost" in heard) == (weather is REPLIES_LOST)
        assert network.struck == 1
        network.weather = CLEAR
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        async with a_client(network) as (again, telling):
            telling.write(b"after")
            assert await again.readexactly(10) == b"afterafter"


async def test_what_connects_into_a_blackhole_is_taken_and_hears_nothing() -> None:
    heard: list[bytes] = []
    async with an_echo(heard) as network:
        network.weather = BLACKHOLE
        async with a_client(network) as (reader, writer):
            writer.write(b"hello?")
            assert await silent(reader)
            assert heard == []


async def test_a_reset_ends_what_there_is_and_what_comes() -> None:
    async with an_echo([]) as network, a_client(network) as (reader, writer):
        writer.write(b"a")
        await reader.readexactly(2)
        network.weather = RESET
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        async with a_client(network) as (another, telling):
            telling.write(b"b")
            with pytest.raises(ConnectionResetError):
                await another.read(1)


async def test_a_half_closed_connection_ends_for_the_client_and_still_carries_its_words() -> None:
    heard: list[bytes] = []
    async with an_echo(heard) as network, a_client(network) as (reader, writer):
        network.weather = HALF_CLOSED
        assert await reader.read(1) == b""
        writer.write(b"still here")
        await eventually(lambda: heard == [b"still here"])


async def test_a_connection_is_cut_after_exactly_so_many_bytes() -> None:
    heard: list[bytes] = []
    async with an_echo(heard) as network, a_client(network) as (reader, writer):
        network.weather = Weather(replies_left=3)
        writer.write(b"abcd")
        assert await reader.readexactly(3) == b"abc"
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        network.weather = Weather(requests_left=3)
        async with a_client(network) as (another, telling):
            telling.write(b"wxyz")
            with suppress(ConnectionResetError):
                assert await another.read(6) == b"wxywxy"
            await eventually(lambda: heard[1:] == [b"wxy"])


async def test_a_weather_may_wait_for_a_word() -> None:
    heard: list[bytes] = []
    async with an_echo(heard) as network, a_client(network) as (reader, writer):
        network.weather = Weather(lose_replies=True, once_said=b"COMMIT")
        writer.write(b"BEGIN;COM")
        assert len(await reader.readexactly(18)) == 18
        writer.write(b"MIT;")
        assert await silent(reader)
        assert b"".join(heard) == b"BEGIN;COMMIT;"
        assert network.struck == 1


async def test_a_server_that_is_not_there_is_a_connection_that_ends() -> None:
    async with proxy("127.0.0.1", 1) as network, a_client(network) as (reader, _):
        with suppress(ConnectionResetError):
            assert await reader.read(1) == b""
