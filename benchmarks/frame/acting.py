"""Acting: a program of ours that does one thing, answers with JSON and ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.frame.environment import ROOT
from benchmarks.frame.processes import ProgramEnded

if TYPE_CHECKING:
    from collections.abc import Mapping


async def play(module: str, *arguments: object, more: Mapping[str, str] | None = None) -> Any:
    """What `python -m benchmarks.actors.<module>` answers; `more` is added to its environment.

    Raises:
        ProgramEnded: it failed; the message has its last lines.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"benchmarks.actors.{module}",
        *map(str, arguments),
        cwd=ROOT,
        env={**os.environ, **(more or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        answer, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last_lines = "\n".join(said.decode(errors="replace").splitlines()[-20:])
        raise ProgramEnded(f"{module} ended with {process.returncode}:\n{last_lines}")
    return json.loads(answer)
