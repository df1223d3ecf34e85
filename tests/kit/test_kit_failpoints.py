"""Failpoints: armed by one setting, at one moment, and otherwise not there."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from samband_kit import failpoints
from samband_kit.failpoints import Failpoint, FailpointRaised, FailpointsRefused, reach
from samband_kit.settings import Settings, SettingsRefused

COME_BY = """
import asyncio, sys
from samband_kit import failpoints
from samband_kit.failpoints import Failpoint, reach

async def main():
    failpoints.arm(sys.argv[1])
    for time in range(1, 4):
        await reach(Failpoint.RELAY_SENT)
        print("survived", time, flush=True)

asyncio.run(main())
"""

COME_BY_UNARMED = """
import asyncio
from samband_kit.failpoints import Failpoint, reach

asyncio.run(reach(Failpoint.RELAY_SENT))
"""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """This process fails on purpose only within a test."""
    yield
    failpoints.arm("")


def come_by(armed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COME_BY, armed],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_what_is_not_armed_does_nothing() -> None:
    await reach(Failpoint.RELAY_SENT)
    failpoints.arm("relay.marked=raise")
    await reach(Failpoint.RELAY_SENT)


async def test_raise_happens_every_time_or_at_one_time_alone() -> None:
    failpoints.arm("relay.sent=raise; relay.marked=raise@2")
    for _ in range(2):
        with pytest.raises(FailpointRaised, match=r"relay\.sent"):
            await reach(Failpoint.RELAY_SENT)
    await reach(Failpoint.RELAY_MARKED)
    with pytest.raises(FailpointRaised):
        await reach(Failpoint.RELAY_MARKED)
    await reach(Failpoint.RELAY_MARKED)


async def test_sleep_and_hang_hold_up_only_what_came_by() -> None:
    failpoints.arm("relay.sent=sleep:0.1;relay.marked=hang")
    hanging = asyncio.create_task(reach(Failpoint.RELAY_MARKED))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await reach(Failpoint.RELAY_SENT)
    assert loop.time() - began > 0.09
    assert not hanging.done()
    hanging.cancel()


def test_kill_is_sigkill_at_the_time_named() -> None:
    done = come_by("relay.sent=kill@3")
    assert done.returncode == -signal.SIGKILL
    assert "survived 2" in done.stdout
    assert "survived 3" not in done.stdout


def test_exit_asks_to_be_started_again() -> None:
    done = come_by("relay.sent=exit")
    assert done.returncode == failpoints.EXIT_CODE
    assert "survived" not in done.stdout


def test_stop_is_sigterm_and_what_came_by_goes_on() -> None:
    done = come_by("relay.sent=stop@2")
    assert done.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("relay.sent", "`relay.sent` is not of the form name=action[:seconds][@n]"),
        ("relay.sent=kill@0", "`relay.sent=kill@0` is not of the form"),
        ("relay.lost=kill", "there is no failpoint `relay.lost`"),
        (
            "relay.sent=explode",
            "`explode` is no action; there are kill, exit, stop, raise, sleep, hang",
        ),
        ("relay.sent=sleep", "sleep needs :seconds"),
        ("relay.sent=kill:3", "sleep needs :seconds, and nothing else has them"),
        ("relay.sent=kill;relay.sent=hang@2", "`relay.sent` is named twice"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(FailpointsRefused) as refused:
        failpoints.arm(text)
    assert sentence in str(refused.value)


def test_a_refusal_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMBAND_FAILPOINTS", "relay.lost=kill")
    with pytest.raises(
        SettingsRefused, match=r"SAMBAND_FAILPOINTS: there is no failpoint `relay\.lost`\."
    ):
        Settings.read()


def test_importing_arms_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COME_BY_UNARMED],
        env=os.environ | {"SAMBAND_FAILPOINTS": "relay.sent=exit"},
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
