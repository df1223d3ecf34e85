"""The harness itself: processes die when they are told to, and say what they were started with."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from samband_kit.failpoints import EXIT_CODE
from samband_kit.testing import Backing, eventually

from tests.faults.elsewhere import listed
from tests.faults.ledgers import Ledger, ledger
from tests.faults.processes import ROOT, ServiceProcess
from tests.faults.trials import meanwhile


async def test_a_process_that_was_started_armed_warns_and_dies_at_that_moment(
    backing: Backing, tmp_path: Path, seed: int
) -> None:
    async with (
        ledger(backing, tmp_path, seed) as books,
        books.process("job.begun=kill@2") as one,
    ):
        assert await one.ended() == -signal.SIGKILL
        [armed] = one.logged("failpoints are armed: this process will fail on purpose")
        assert armed["failpoints"] == "job.begun=kill@2"
        assert armed["level"] == "warning"
        [reached] = one.logged("failpoint reached")
        assert reached["failpoint"] == "job.begun"


async def test_exit_ends_a_process_with_what_asks_for_a_new_one(
    backing: Backing, tmp_path: Path, seed: int
) -> None:
    async with ledger(backing, tmp_path, seed) as books, books.process("job.begun=exit") as one:
        assert await one.ended() == EXIT_CODE


async def test_what_cannot_be_armed_is_refused_before_anything_is_started(
    backing: Backing, tmp_path: Path, seed: int
) -> None:
    async with (
        ledger(backing, tmp_path, seed) as books,
        books.process(SAMBAND_FAILPOINTS="relay.sent=perish") as one,
    ):
        assert await one.ended() == 2
        assert one.last_words().startswith(
            "SAMBAND_FAILPOINTS: `perish` is no action; there are kill, exit"
        )


async def test_a_frozen_process_does_nothing_until_it_thaws_and_a_killed_one_comes_again(
    backing: Backing, tmp_path: Path, seed: int
) -> None:
    async with ledger(backing, tmp_path, seed) as books, books.process() as one:
        await one.ready()

        async def runs() -> int:
            return int(await books.pool.fetchval("select count(*) from job_runs"))

        await eventually(runs, 30)
        one.freeze()
        await asyncio.sleep(0.2)
        before = await runs()
        await asyncio.sleep(1.2)
        assert await runs() == before
        one.thaw()

        async def more() -> bool:
            return await runs() > before

        await eventually(more, 30)
        one.kill()
        assert await one.ended() == -signal.SIGKILL
        await one.again()
        await one.ready()
        assert await one.stop() == 0


async def test_nothing_that_works_beside_a_failing_trial_outlives_it(
    backing: Backing, tmp_path: Path, seed: int
) -> None:
    started: list[asyncio.subprocess.Process] = []

    async def start_again_and_again(one: ServiceProcess) -> None:
        while True:
            started.append((await one.again()).process)
            await asyncio.sleep(0.2)

    async def trial(books: Ledger) -> None:
        async with books.process() as one, meanwhile(start_again_and_again(one)):
            await eventually(lambda: len(started) > 1, 30)
            raise AssertionError("the trial has failed")

    async with ledger(backing, tmp_path, seed) as books:
        with pytest.raises(ExceptionGroup, match="errors in a TaskGroup"):
            await trial(books)
        known = len(started)
        await asyncio.sleep(1)
    assert len(started) == known
    assert {process.returncode for process in started} == {-signal.SIGKILL}


def test_every_case_that_stands_elsewhere_is_there() -> None:
    missing = [
        f"{file}::{test}"
        for file, tests in listed().items()
        for test in tests
        if f"def {test}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []
