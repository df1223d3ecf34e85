"""Controls: runs of broken builds, which the same checks must catch.

A check that finds nothing in a broken system proves nothing about a good one.
None of these waits for the system to be well: it never will be.
"""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from samband_contracts.networks import NetworkOpened
from samband_kit import outbox
from samband_kit.correlation import correlated
from samband_kit.ids import new_id
from samband_kit.testing import eventually

from tests.faults.broken import BREAKS
from tests.faults.cases import Area, Invariant
from tests.faults.history import Outcome
from tests.faults.invariants import violations
from tests.faults.ledgers import WELL_SECONDS, Ledger, ledger
from tests.faults.trials import Trial

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.faults.processes import ServiceProcess
    from tests.faults.trials import Ground

MODULE: Final = "tests.faults.broken"
_STILL_SECONDS = 1.5

Attack: TypeAlias = "Callable[[Ledger, ServiceProcess], Awaitable[None]]"
"""What is done to the process and its ledger."""


async def late_commit(books: Ledger, one: ServiceProcess) -> None:
    """A fact whose transaction is the last to commit, though it drew its position first."""
    name = str(new_id())
    books.wanted[name] = 1
    with books.history.given(name) as command, correlated(UUID(name)):
        async with books.pool.acquire() as conn:
            transaction = conn.transaction()
            await transaction.start()
            await outbox.append(conn, [NetworkOpened(network_id=new_id())])
            await books.work(10)
            await eventually(lambda: _all_published(books), WELL_SECONDS, every=0.2)
            await transaction.commit()
            command.outcome = Outcome.OK
    await books.work(10)


async def _killed_before_its_commit(books: Ledger, one: ServiceProcess) -> None:
    """Work until the process dies between the effects and their commit, and go on after it."""
    while one.process.returncode is None:
        await books.work(1)
    assert await one.ended() == -signal.SIGKILL
    await one.again()
    await books.work(10)


async def _nothing(books: Ledger, one: ServiceProcess) -> None:
    """Nothing goes wrong from outside at all."""
    await books.work(60)


async def _all_published(books: Ledger) -> bool:
    # Not only that nothing moves: a relay that has not begun yet would pass nothing over.
    return not await books.waiting_facts()


async def _settles(books: Ledger) -> None:
    """Wait until nothing changes any more: as well as a broken build gets."""
    before, since = None, time.monotonic()

    async def stands_still() -> bool:
        nonlocal before, since
        now = (await books.waiting_facts(), await books.behind())
        if now != before or now[1]:
            before, since = now, time.monotonic()
        return time.monotonic() - since > _STILL_SECONDS

    await eventually(stands_still, WELL_SECONDS, every=0.2)


async def _caught(
    broken: str, failpoints: str, attack: Attack, sentence: str, ground: Ground
) -> float:
    began = time.monotonic()
    async with (
        ledger(ground.backing, ground.folder, ground.seed) as books,
        books.process(failpoints, module=MODULE, BROKEN=broken) as one,
    ):
        await attack(books, one)
        await _settles(books)
        found = violations(await books.seen())
    assert [one for one in found if one.invariant is Invariant.I1 and sentence in one.sentence], (
        f"{broken} was not noticed; instead: {found}"
    )
    return time.monotonic() - began


def _control(
    broken: str, attack: Attack, sentence: str, *, how: str, failpoints: str = ""
) -> Trial:
    return Trial(
        name=f"broken-{broken}",
        area=Area.CONTROLS,
        fault=(BREAKS[broken].__doc__ or "").strip(),
        how=how,
        holds=(Invariant.I1,),
        run=partial(_caught, broken, failpoints, attack, sentence),
    )


_BEFORE_THE_COMMIT: Final = "consumer.applied=kill@2"
CONTROLS: Final[Sequence[Trial]] = (
    _control(
        "cursor",
        late_commit,
        "a fact of the outbox is not in Kafka",
        how="a transaction that commits later than those after it",
    ),
    _control(
        "commits_first",
        _killed_before_its_commit,
        "has neither applied nor parked a record",
        how=f"failpoint `{_BEFORE_THE_COMMIT}`",
        failpoints=_BEFORE_THE_COMMIT,
    ),
    _control(
        "position_outside",
        _killed_before_its_commit,
        "has neither applied nor parked a record",
        how=f"failpoint `{_BEFORE_THE_COMMIT}`",
        failpoints=_BEFORE_THE_COMMIT,
    ),
    _control(
        "drops_rows",
        _nothing,
        "a fact of the outbox is not in Kafka",
        how="nothing else goes wrong",
    ),
)
