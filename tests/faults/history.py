"""History: what was asked of the system and what it answered, one JSON line each.

A line is written before a command is given and another when its outcome is
known. A command without a second line, or with `unknown`, may have happened
or not; whatever was answered with `ok` has happened.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any


class Outcome(StrEnum):
    """How a command ended for the one who gave it."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Command:
    """A command under way; `outcome` is unknown until it is set."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.outcome = Outcome.UNKNOWN
        self.given: dict[str, Any] = {}
        self.answer: dict[str, Any] = {}


class History:
    """The commands of one run, kept in a file too."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.path = folder / "history.jsonl"
        self.seed = seed
        self.commands: dict[str, Command] = {}

    @property
    def about(self) -> str:
        """The run, and how to repeat it: pytest calls a test's folder as the test."""
        test = self.path.parent.name.rstrip("0123456789")
        return (
            f"seed {self.seed}; history {self.path}\n"
            f"  again: make faults ARGS='-k {test} --first-seed {self.seed}'"
        )

    def happened(self, what: str) -> None:
        """Something that was done to the system, for whoever reads the file."""
        self._write(fault=what)

    @contextmanager
    def given(self, name: str, **what: object) -> Iterator[Command]:
        """A command from before it is given until its outcome is known; again for a repetition."""
        command = self.commands.setdefault(name, Command(name))
        self._write(command=name, given=what)
        try:
            yield command
        finally:
            self._write(command=name, outcome=command.outcome, answer=command.answer)

    def _write(self, **line: object) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": time.time(), **line}, default=str) + "\n")
