"""What the launcher says, on a terminal, in a pipe and to machines.

Progress and trouble go to standard error, results to standard output. Colours
and moving lines appear only on a terminal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.table import Table

from samband_local import memory, services
from samband_local.place import Place, read_json
from samband_local.problems import DidNotStart, NotRunning
from samband_local.programs import answers
from samband_local.services import NAMES, Addresses
from samband_local.supervisor import State

_QUIET_SECONDS = 1.0


class _PatientConsole(Console):
    """Falls silent when nobody reads any more: what it reports on must go on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Teller:
    """Tells the person at the keyboard what happens."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._out = _PatientConsole(highlight=False, soft_wrap=True)
        self._err = _PatientConsole(stderr=True, highlight=False, soft_wrap=True)
        self._as_json = as_json
        self._status: Status | None = None
        self._last_line = 0.0

    def progress(self, words: str) -> None:
        """What is being done now: one moving line, or now and then a line of its own."""
        if self._as_json:
            return
        if self._err.is_terminal:
            if self._status is None:
                self._status = self._err.status(words)
                self._status.start()
            self._status.update(words)
        elif "of" not in words.split() or time.monotonic() - self._last_line > _QUIET_SECONDS:
            self._last_line = time.monotonic()
            self._err.print(words, markup=False)

    def tell(self, sentence: str) -> None:
        """Something that happened, worth a line of its own."""
        self._err.print(sentence, markup=False)

    def summary(self, summary: Mapping[str, Any]) -> None:
        """Everything runs: where, how to sign in, how long it took, what it weighs."""
        self.close()
        if self._as_json:
            self._out.print(json.dumps(summary), markup=False)
            return
        out = self._out
        out.print("[bold green]Samband is running.[/]")
        out.print(f"  Pages      {summary['url']}")
        out.print(f"  Mailbox    {summary['mailbox_url']}")
        out.print(f"  Staff      {summary['staff_link']}")
        out.print(
            "             (signs in once, within ten minutes; `samband sign-in-link` for more)"
        )
        page, ready = summary["page_seconds"], summary["ready_seconds"]
        out.print(f"  First page after {page:.1f} s, everything after {ready:.1f} s")
        out.print(_memory_table(summary["memory"]))

    def close(self) -> None:
        """End the moving line."""
        if self._status is not None:
            self._status.stop()
            self._status = None


def _memory_table(weights: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=True, header_style="dim")
    table.add_column("Memory in MB")
    table.add_column("RSS", justify="right")
    table.add_column("PSS", justify="right")
    for name, weight in weights.items():
        table.add_row(name, str(weight["rss"]), str(weight["pss"] or "–"))
    return table


def status(place: Place, *, as_json: bool) -> bool:
    """Print how things are; whether all is well."""
    found = _look(place)
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        console.print(json.dumps(found), markup=False)
        return bool(found["healthy"])
    if not found["running"]:
        console.print(str(NotRunning(place.root)), markup=False)
        return False
    console.print(f"Pages      {found['url']}\nMailbox    {found['mailbox_url']}", markup=False)
    table = Table(box=None, header_style="dim")
    for title in ("Program", "State", "Restarts", "RSS", "PSS"):
        table.add_column(title, justify="left" if title in ("Program", "State") else "right")
    for name, each in found["programs"].items():
        colour = "green" if each["healthy"] else "red"
        table.add_row(
            name,
            f"[{colour}]{each['state']}[/]",
            str(each["restarts"]),
            str(each["rss"] or "–"),
            str(each["pss"] or "–"),
        )
    console.print(table)
    return bool(found["healthy"])


def _look(place: Place) -> dict[str, Any]:
    state = read_json(place.state)
    if not state or not place.is_owned():
        return {"running": False, "healthy": False}
    for name, each in state["programs"].items():
        weight = memory.footprint(each["pid"]) if each["pid"] else None
        running = each["state"] == State.RUNNING.value and weight is not None
        if running and name in NAMES:
            ops_port = Addresses(**state["ports"]).ops_port(name)
            running = answers(f"http://127.0.0.1:{ops_port}/readyz")
            each["state"] = each["state"] if running else "not ready"
        each["healthy"] = running
        each["rss"] = weight.rss if weight else None
        each["pss"] = weight.pss if weight else None
    well = all(each["healthy"] for each in state["programs"].values())
    return {"running": True, "healthy": well and "summary" in state, **state}


def sign_in_link(place: Place) -> str:
    """A fresh link for staff of the system that runs now."""
    state = read_json(place.state)
    if not state or not place.is_owned():
        raise NotRunning(place.root)
    addresses = Addresses(**state["ports"])
    environment = services.environment("registration", place, addresses, {})
    return link_in(
        services.run_or_refuse("registration", place, environment, "sign-in-link"), place
    )


def link_in(words: str, place: Place) -> str:
    """The last address in what `sign-in-link` wrote."""
    links = [word for word in words.split() if word.startswith("http")]
    if not links:
        raise DidNotStart("The staff sign-in link", "none was made", place.log("registration"))
    return links[-1]


def show_log(path: Path, *, lines: int, follow: bool) -> None:
    """Print the end of a log; with `follow` go on until Ctrl-C, also when it is begun anew."""
    console = Console(highlight=False, soft_wrap=True)

    def show(content: bytes) -> None:
        console.print(content.decode(errors="replace"), markup=False, end="")

    with suppress(KeyboardInterrupt, BrokenPipeError):
        position = path.stat().st_size
        last = path.read_bytes()[:position].splitlines(keepends=True)
        show(b"".join(last[-lines:] if lines else []))
        while follow:
            time.sleep(0.25)
            size = path.stat().st_size if path.exists() else 0
            position = min(position, size) if size >= position else 0
            if size > position:
                with path.open("rb") as log:
                    log.seek(position)
                    new = log.read()
                position += len(new)
                show(new)
