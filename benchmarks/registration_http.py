"""registration_http: how fast people can register, from the post of the form to its receipt.

Value: registrations a second of one `serve` process of the registration
service. Visitors with a connection each fill in the public form as browsers
do: every form was shown to its visitor before, has a token and a key of its
own, names an address of its own and comes from another network, so every limit
and hurdle applies and is honoured. Timed is the way from the post to the
receipt, which the visitor is redirected to and reads; showing and checking the
form go before. The visitors are a program of their own; the note says how much
of a core it took.

Limit: the very rows that those registrations left behind are written into the
same tables of another database by as many connections, in one transaction a
registration with one statement a table. No HTTP, no checks, no pages.
"""

from __future__ import annotations

import pickle
import statistics
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from samband_registration.main import SERVICE

from benchmarks.actors import bare_rows, open_register
from benchmarks.frame.acting import play
from benchmarks.frame.figures import Benchmark, Figure, at_least
from benchmarks.frame.turns import take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.frame.figures import Result
    from benchmarks.frame.stage import Stage

FIGURE = Figure(
    name="registration_http",
    unit="registrations/s",
    target=at_least(0.15),
    means="One process takes {value} from form to receipt; writing the same rows with nothing "
    "around it makes {limit}.",
)

VISITORS = 10
"""As many as `serve` has connections to the database."""


async def measure(stage: Stage) -> Sequence[Result]:
    """Visitors and bare inserts in turns."""
    forms = stage.pick(full=2000, quick=500, tiny=20)
    rounds = stage.pick(full=5, quick=2, tiny=1)
    shares: list[float] = []
    async with AsyncExitStack() as stack:
        settings = await stack.enter_async_context(
            stage.place(SERVICE, **open_register.SETTINGS, log_level="INFO")
        )
        other = await stack.enter_async_context(stage.place(SERVICE))
        call_id = await open_register.prepare(settings)
        await open_register.prepare(other, call_id=call_id)
        program = await stack.enter_async_context(stage.running(SERVICE, settings, "serve"))
        rows = stage.folder / "registrations"

        async def visited() -> float:
            first = forms * len(shares)
            answer = await play(
                "visitors", program.port, call_id, VISITORS, first, forms, settings.human_seconds
            )
            shares.append(answer["share"])
            written = await bare_rows.read(settings)
            if len(written) != forms:
                raise AssertionError(f"{len(written)} registrations of {forms} forms")
            rows.write_bytes(pickle.dumps(written))
            return float(answer["rate"])

        async def bare() -> float:
            url = other.database_url.get_secret_value()
            rate = await play("bare_rows", VISITORS, rows, more={"SAMBAND_DATABASE_URL": url})
            return float(rate)

        rates = await take_turns(stage, rounds, {"visitors": visited, "bare inserts": bare})
    share = f"the visitors took {statistics.median(shares):.0%} of a core"
    return [
        FIGURE.result(
            statistics.median(rates["visitors"]),
            statistics.median(rates["bare inserts"]),
            note=f"{forms} forms of {VISITORS} visitors, {rounds} rounds; {share}",
        )
    ]


BENCHMARK = Benchmark((FIGURE,), measure)
