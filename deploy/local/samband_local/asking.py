"""`samband trace`: what one person's action led to, in all three services."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from samband_kit.history import History, merge
from samband_kit.operating.trace_command import read_parts, refuse_nothing, tell

from samband_local import services
from samband_local.place import Place, read_json
from samband_local.problems import LocalProblem, NotRunning
from samband_local.services import NAMES, Addresses

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_ROUNDS = 4
_NOTHING_KNOWN = 1


class NoAnswer(LocalProblem):
    """A service could not be asked."""

    def __init__(self, service: str, words: str) -> None:
        super().__init__(f"The service {service} could not be asked: {words}")


def trace(place: Place, asked: str, files: Sequence[str], *, as_json: bool) -> None:
    """Print everything that is known of `asked`: in `files`, or else in the running system."""
    found = merge(read_parts(files)) if files else _ask_all(place, asked)
    tell(found, as_json=as_json)
    refuse_nothing(found, asked)


def _ask_all(place: Place, asked: str) -> History:
    state = read_json(place.state)
    if not state or not place.is_owned():
        raise NotRunning(place.root)
    addresses = Addresses(**state["ports"])
    known = History()
    for _ in range(_MOST_ROUNDS):
        # What one service knows tells the others what to look for.
        ask = partial(_ask, place=place, addresses=addresses, asked=asked, known=known)
        with ThreadPoolExecutor(len(NAMES)) as pool:
            found = merge([known, *pool.map(ask, NAMES)])
        news = (found.correlations, found.events) != (known.correlations, known.events)
        known = found
        if not news:
            break
    return known


def _ask(
    service: str, *, place: Place, addresses: Addresses, asked: str, known: History
) -> History:
    done = subprocess.run(  # noqa: S603 - our own program; the id is an argument of its own
        services.command_line(service, "trace", "--json", "--from", "-", "--", asked),
        env=services.environment(service, place, addresses, {}),
        cwd=place.root,
        input=known.model_dump_json(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, _NOTHING_KNOWN) or not done.stdout:
        raise NoAnswer(service, (done.stderr.strip() or "it said nothing").splitlines()[-1])
    return History.model_validate_json(done.stdout)
