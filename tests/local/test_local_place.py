"""The folder that an installation keeps everything in: closed to others, one launcher at a time."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from samband_local import credentials, memory, ports
from samband_local.place import Place, nearest, open_to_others, read_json, write_json
from samband_local.problems import AlreadyRunning, NotOurs, NotWritable, PortTaken, TooLittleMemory


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / ".samband")
    made.make()
    return made


def test_a_secret_is_made_once_and_readable_by_its_owner_alone(place: Place) -> None:
    first = credentials.secret(place.secrets, "registration_password")
    assert len(first) >= 48
    assert credentials.secret(place.secrets, "registration_password") == first
    assert credentials.secret(place.secrets, "networks_password") != first
    assert mode(place.secrets / "networks_password") == 0o600
    before = os.umask(0)
    try:
        assert mode(credentials.keep(place.secrets, "open", "x")) == 0o600
    finally:
        os.umask(before)


def test_all_that_holds_personal_data_or_secrets_is_closed_to_others(place: Place) -> None:
    for folder in (place.secrets, place.mailbox, place.kafka, place.logs, place.pids):
        assert mode(folder) == 0o700
    # The database's own user has to pass through, not to look.
    assert mode(place.root) == 0o711
    write_json(place.state, {"staff_link": "secret"})
    assert mode(place.state) == 0o600


def test_a_second_launcher_is_refused_while_the_first_lives(place: Place) -> None:
    code = (
        "import sys, time; from pathlib import Path; from samband_local.place import Place;"
        "lock = Place(Path(sys.argv[1])).owned(); lock.__enter__();"
        "print('mine', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code, str(place.root)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "mine\n"
        assert place.is_owned()
        with pytest.raises(AlreadyRunning, match="already running"), place.owned():
            pass
    finally:
        first.kill()
        first.communicate()
    # However it ended, the folder is free.
    assert not place.is_owned()
    with place.owned():
        pass


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable, match=r"^Samband cannot write in .*file.*--data\.$"):
        Place(tmp_path / "file" / ".samband").make()


def test_too_little_memory_is_one_sentence() -> None:
    memory.check(needed_mb=1)
    with pytest.raises(TooLittleMemory, match=r"needs about 9000000 MB .* finds \d+ MB"):
        memory.check(needed_mb=9_000_000)


def test_resetting_deletes_everything_but_the_lock(place: Place) -> None:
    (place.mailbox / "a.mail").touch()
    (place.logs / "kafka.log").touch()
    write_json(place.ports, {"gateway": 8080})
    with place.owned():
        place.remove()
    left = {path.name for path in place.root.iterdir()}
    assert left == {"launcher.lock", ".made-by-samband"}
    place.make()
    with place.owned():
        pass


def test_a_file_that_somebody_put_beside_the_data_is_not_deleted(place: Place) -> None:
    (place.root / "notes.txt").write_text("mine")
    (place.root / "photos").mkdir()
    with place.owned():
        place.remove()
    assert (place.root / "notes.txt").read_text() == "mine"
    assert (place.root / "photos").is_dir()
    place.make()


def test_a_folder_that_holds_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    foreign = tmp_path / "project"
    (foreign / "logs").mkdir(parents=True)
    (foreign / "logs" / "thesis.log").write_text("years of work")
    foreign.chmod(0o750)
    place = Place(foreign)
    for touch in (place.make, place.remove, place.owned().__enter__):
        with pytest.raises(NotOurs, match=r"^\S+project is not empty and was not made by Samband"):
            touch()
    assert mode(foreign) == 0o750
    assert [path.name for path in foreign.rglob("*")] == ["logs", "thesis.log"]


def test_an_empty_folder_may_be_given(tmp_path: Path) -> None:
    Place(tmp_path).make()
    assert Place(tmp_path).logs.is_dir()


def test_the_folder_is_found_from_below(tmp_path: Path) -> None:
    (tmp_path / "checkout/.samband").mkdir(parents=True)
    (tmp_path / "checkout/docs/adr").mkdir(parents=True)
    assert nearest(tmp_path / "checkout/docs/adr") == tmp_path / "checkout/.samband"
    assert nearest(tmp_path) == tmp_path / ".samband"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the database to another user")
def test_below_a_closed_home_roots_database_lies_where_its_user_can_reach_it(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    assert not open_to_others(home)
    elsewhere = Place(home / ".samband").postgres
    assert not elsewhere.is_relative_to(home)
    assert elsewhere != Place(home / "other" / ".samband").postgres


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the database to another user")
def test_a_database_elsewhere_whose_passwords_were_deleted_by_hand_is_forgotten(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    place = Place(home / ".samband")
    place.make()
    credentials.secret(place.secrets, "postgres_password")
    place.postgres.mkdir(parents=True)
    place.make()
    assert place.postgres.exists()
    shutil.rmtree(place.root)
    place.make()
    assert not place.postgres.parent.exists()


def test_large_logs_are_put_aside_at_the_next_start(place: Place) -> None:
    place.log("kafka").write_bytes(b"x" * (6 * 1024 * 1024))
    place.log("networks").write_text("short")
    place.make()
    assert not place.log("kafka").exists()
    assert place.log("kafka").with_suffix(".log.1").exists()
    assert place.log("networks").exists()


@pytest.mark.parametrize("content", ["", "{", "[1]", "\xff"])
def test_a_damaged_note_reads_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "note.json").write_text(content)
    assert read_json(tmp_path / "note.json") == {}


def test_ports_are_the_ones_asked_for_or_those_of_last_time_or_free_ones() -> None:
    asked, last = ports.free_ports(2)
    chosen = ports.choose(
        ["gateway", "mailbox", "smtp"], fix={"gateway": asked}, last={"mailbox": last}
    )
    assert chosen["gateway"] == asked
    assert chosen["mailbox"] == last
    assert len(set(chosen.values())) == 3


def test_a_port_of_last_time_that_is_taken_now_is_replaced_but_one_asked_for_is_refused() -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert ports.choose(["gateway"], fix={}, last={"gateway": taken})["gateway"] != taken
        with pytest.raises(PortTaken, match=rf"^Port {taken} for the pages is used"):
            ports.choose(["gateway"], fix={"gateway": taken}, last={})
