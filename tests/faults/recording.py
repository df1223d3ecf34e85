"""Recording: what cases of faults may ask for, and how a run notes what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.faults.cases import RECOVERY, declared
from tests.faults.elsewhere import listed
from tests.faults.results import Ended, Run, note

Recovering = Callable[[], AbstractContextManager[None]]

_ELSEWHERE = listed()
_FIRST_SEED = 20_260_901


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption(
        "--full",
        action="store_true",
        help="more load and all variants, and note the results for the page",
    )
    group.addoption("--seeds", type=int, default=1, help="how many seeds each seeded case gets")
    group.addoption("--first-seed", type=int, default=_FIRST_SEED, help="the first of them")
    group.addoption("--at-once", type=int, default=4, help="how many trials run side by side")
    group.addoption("--minutes", type=float, default=0.0, help="how long to soak")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    # Not a test that is always skipped: without `--minutes` it is not there.
    soaks = collection_path.name == "test_faults_soak.py"
    return True if soaks and not config.getoption("minutes", default=0.0) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("first_seed", _FIRST_SEED)
        count = metafunc.config.getoption("seeds", 1)
        metafunc.parametrize(
            "seed", range(first, first + count), ids=lambda one: f"seed{one}", scope="function"
        )


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what is a case without standing among the tests of faults."""
    file, _, test = item.nodeid.partition("::")
    found = _ELSEWHERE.get(file, {}).get(test.partition("[")[0])
    if found is not None:
        item.add_marker(pytest.mark.fault.with_args(found))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long cases to full runs: not skipped, simply not there."""
    if config.getoption("full", default=False):
        return
    long = [item for item in items if (found := declared(item)) is not None and found.long]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether there is time for all of it (`make faults`); else it must be quick."""
    return bool(pytestconfig.getoption("full", default=False))


@pytest.fixture
def recovering(record_property: Callable[[str, object], None]) -> Recovering:
    """`with recovering():` around the time from a fault to being well again; noted, not judged."""

    @contextmanager
    def measured() -> Iterator[None]:
        began = time.monotonic()
        yield
        record_property(RECOVERY, round(time.monotonic() - began, 2))

    return measured


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    declaration = declared(item)
    run = item.config.stash.get(RUN, None)
    if run is not None and declaration is not None and (report.when == "call" or report.failed):
        recoveries = [value for name, value in item.user_properties if name == RECOVERY]
        run.ended(Ended.of(item, report.outcome, [float(str(seconds)) for seconds in recoveries]))
    return report


RUN = pytest.StashKey[Run]()


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("full", default=False):
        config.stash[RUN] = Run()


def pytest_sessionfinish(session: pytest.Session) -> None:
    run = session.config.stash.get(RUN, None)
    if run is not None and run.cases:
        note(run)
