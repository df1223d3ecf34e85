"""Every command in the guides is run as it stands there, and does what the guide says."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from contextlib import AsyncExitStack
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from samband_local.temporary import temporary

from tests.operating.blocks import GUIDES, ROOT, Block, blocks, blocks_for
from tests.operating.scene import Forever, Scene
from tests.operating.scenes import SCENES
from tests.operating.terminal import Terminal, at, in_checkout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from samband_local.stack import Stack

ELSEWHERE = {
    "machine": "below: it starts a system of its own",
    "forever": "below: processes that run until they are stopped",
    "make": "below: rehearsed, because `make check` and `make test` are running us",
    "package": "below: installs what subscribers need",
    "start": "tests/compose: makes the installation in containers",
    "compose": "tests/compose: on that installation",
}
ON_A_SYSTEM = [
    guide for guide in GUIDES if any(block.scene in {*SCENES, "forever"} for block in blocks(guide))
]


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    """A system that nobody else looks at: things go wrong in it on purpose."""
    with temporary() as stack:
        yield stack


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' own user may enter."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o711)
        yield Path(made)


def test_every_block_of_commands_says_what_it_needs() -> None:
    known = {*SCENES, *ELSEWHERE}
    unknown = [
        str(block) for guide in GUIDES for block in blocks(guide) if block.scene not in known
    ]
    assert unknown == []


def test_every_scene_is_needed() -> None:
    assert {*SCENES, *ELSEWHERE} <= {b.scene for g in GUIDES for b in blocks(g)}


@pytest.mark.parametrize("guide", ON_A_SYSTEM)
async def test_the_commands_of_a_guide_work_one_after_the_other(
    system: Stack, folder: Path, guide: str
) -> None:
    scene = Scene(system, at(system, folder))
    entered: set[str] = set()
    async with AsyncExitStack() as scenes:
        for block in blocks(guide):
            if block.scene == "forever":
                await Forever(scene).play(block.commands)
            if block.scene not in SCENES:
                continue
            if block.scene not in entered:
                entered.add(block.scene)
                await scenes.enter_async_context(SCENES[block.scene](scene))
            scene.said += run(scene.terminal, block, scene.spoken(block.text))


def test_the_launcher_does_what_its_guide_says(folder: Path) -> None:
    terminal = in_checkout(folder)
    [block] = blocks_for("machine")
    try:
        run(terminal, block, block.text)
        assert not list(folder.glob(".samband/**/*.log"))
        assert not (folder / ".samband/postgres").exists()
    finally:
        terminal.run("samband down")


@pytest.mark.parametrize("block", blocks_for("make"), ids=str)
def test_what_is_made_can_be_made(block: Block) -> None:
    for command in block.commands:
        program, *words = shlex.split(command)
        if program == "make":
            done = subprocess.run(
                ["make", "--dry-run", *words], cwd=ROOT, capture_output=True, check=False
            )
            assert done.returncode == 0, f"{command}\n{done.stderr.decode()}"
        else:
            assert shutil.which(program, path=str(ROOT)), f"{block}: {command}"


def test_subscribers_get_the_contracts_and_what_they_need(folder: Path) -> None:
    terminal = in_checkout(folder)
    # No index is asked for what is needed besides: what is declared has to be enough.
    pip = f'#!/bin/sh\nexec "{ROOT}/.uv/bin/uv" pip "$@" --target got --no-config --offline --no-deps\n'
    (folder / "programs/pip").write_text(pip, encoding="utf-8")
    (folder / "programs/pip").chmod(0o755)
    [block] = blocks_for("package")
    run(terminal, block, block.text)
    [found] = metadata.distributions(name="samband-contracts", path=[str(folder / "got")])
    assert [need.partition(">")[0] for need in found.requires or []] == ["pydantic"]


def run(terminal: Terminal, block: Block, text: str) -> str:
    """What a block says; its last words, if it fails."""
    done = terminal.run(text)
    assert done.returncode == 0, f"{block}\n{text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout
