"""What every test may ask for: a real PostgreSQL and a real Kafka.

They are started once for the whole run, by the first test that asks, and end
with it: the process that owns them watches this one, so they end also when the
run is killed. With `SAMBAND_TEST_STACK` naming the stack.json of something that
runs already, nothing is started and nothing stopped.

`--backing=containers` takes both from their official images, and runs the tests
that need Docker, which are left out otherwise.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from samband_kit.testing.backing import Backing
from samband_local import backing as local_backing
from samband_local.stack import Stack
from samband_local.temporary import TEST_PREFIX, sweep, temporary

# Cases of faults stand wherever they belong; their results are noted together.
pytest_plugins = ["tests.faults.recording"]

_GIVEN = "SAMBAND_TEST_STACK"
# How the workers of pytest-xdist learn what their controller decided.
_FOLDER = "SAMBAND_TEST_FOLDER"
_CONTROLLER = "SAMBAND_TEST_CONTROLLER"
_LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backing",
        choices=("embedded", "containers"),
        default="embedded",
        help="where PostgreSQL and Kafka come from; containers need Docker",
    )


def _in_containers(config: pytest.Config) -> bool:
    return bool(config.getoption("backing") == "containers")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    if _in_containers(config) and os.environ.get(_GIVEN):
        raise pytest.UsageError(f"{_GIVEN} and --backing=containers exclude each other.")
    if _is_worker(config) or os.environ.get(_GIVEN):
        return
    sweep()
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix=TEST_PREFIX)
    os.environ[_CONTROLLER] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    if _is_worker(config) or os.environ.pop(_CONTROLLER, None) is None:
        return
    folder = Path(os.environ.pop(_FOLDER))
    local_backing.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _in_containers(config):
        return
    left_out = [item for item in items if item.get_closest_marker("containers")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
        config.stash[_LEFT_OUT] = len(left_out)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if count := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"Left out, because they need Docker: {count}. make test BACKING=containers runs them."
        )


@pytest.fixture(scope="session")
def backing(request: pytest.FixtureRequest) -> Iterator[Backing]:
    """PostgreSQL and Kafka; use `samband_kit.testing` for a database and topics of your own."""
    if _in_containers(request.config):
        # Only who asks for containers waits for what they are made with.
        from docker.errors import DockerException

        from tests.containers import in_containers

        try:
            with in_containers(Path(tempfile.mkdtemp(dir=os.environ[_FOLDER]))) as found:
                yield found
        except DockerException as error:
            pytest.exit(f"--backing=containers needs Docker, and it says: {error}", returncode=2)
    else:
        yield _embedded()


def _embedded() -> Backing:
    given = os.environ.get(_GIVEN)
    if given:
        stack_json = Path(given)
    else:
        folder = Path(os.environ[_FOLDER])
        with FileLock(folder / "starting.lock"):
            stack_json = local_backing.background(folder, owner=int(os.environ[_CONTROLLER]))
    addresses = local_backing.read(stack_json)
    assert addresses is not None, f"{stack_json} does not exist: is that stack running?"
    kafka_data = stack_json.parent / "kafka" / "data"
    return Backing(addresses.postgres_url, addresses.kafka_servers, kafka_data)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole system, as `samband up` runs it, for what crosses its services.

    Shared by all who ask: a test that stops something starts it again.
    """
    with temporary() as running:
        yield running
