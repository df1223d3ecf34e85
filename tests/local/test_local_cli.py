"""The command line: one clear sentence for each thing that can be in the way."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from samband_local.cli import main
from samband_local.place import Place
from samband_local.problems import TooLittleMemory
from samband_local.stack import running


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`samband up` and what may have to end it: in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "samband_local", "up", *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def samband(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Any other command, here: starting Python costs more than all that it does."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    before = sys.argv
    sys.argv = ["samband", *arguments]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ending:
        code = ending.code
    finally:
        sys.argv = before
    returncode = code if isinstance(code, int) else 0
    return subprocess.CompletedProcess([*arguments], returncode, out.getvalue(), err.getvalue())


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The last thing it said on standard error; never a traceback, never in colour."""
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / ".samband"


def test_help_names_every_command_with_examples_and_exit_codes() -> None:
    top = samband("--help")
    assert top.returncode == 0
    assert "Exit codes: 0 done" in top.stdout
    for command in ("up", "down", "status", "logs", "reset", "sign-in-link", "story"):
        assert f"  {command} " in top.stdout
        shown = samband(command, "--help")
        assert "Example" in shown.stdout
        assert "Exit codes" in shown.stdout
    assert "backing" not in top.stdout


@pytest.mark.parametrize(
    "wrong", [["dance"], ["up", "--port", "many"], ["up", "--port", "70000"], ["logs"], ["up", "x"]]
)
def test_wrong_usage_ends_with_two(wrong: list[str]) -> None:
    done = samband(*wrong)
    assert done.returncode == 2
    sentence(done)


def test_a_taken_port_is_one_sentence(data: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = start("--data", str(data), "--port", port)
        assert done.returncode == 1
        assert sentence(done).startswith(f"Port {port} for the pages is used by another program")
        detached = start("--data", str(data), "--port", port, "--detach")
        assert detached.returncode == 1
        assert sentence(detached) == sentence(done)
    assert not list((data / "pids").iterdir())


def test_no_network_on_the_first_start_is_one_sentence(data: Path, tmp_path: Path) -> None:
    done = start(
        *("--data", str(data)),
        SAMBAND_CACHE=str(tmp_path / "cache"),
        SAMBAND_MAVEN_URL="http://127.0.0.1:9",
        NO_PROXY="127.0.0.1",
    )
    assert done.returncode == 75
    assert sentence(done).startswith("The first start downloads Kafka")
    assert not list((data / "pids").iterdir())


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = start("--data", str(tmp_path / "file" / "x"))
    assert done.returncode == 1
    assert sentence(done).startswith("Samband cannot write in")


def test_too_little_memory_is_one_sentence_before_anything_is_started(data: Path) -> None:
    with pytest.raises(TooLittleMemory), running(data, needed_mb=9_000_000):
        pass
    assert not data.exists()


def test_status_of_what_does_not_run_ends_with_seventy(data: Path) -> None:
    done = samband("status", "--data", str(data))
    assert done.returncode == 70
    assert "start it with `samband up`" in done.stdout
    done = samband("status", "--json", "--data", str(data))
    assert done.returncode == 70
    assert json.loads(done.stdout) == {"running": False, "healthy": False}
    assert samband("sign-in-link", "--data", str(data)).returncode == 70


def test_stopping_what_does_not_run_is_no_failure(data: Path) -> None:
    done = samband("down", "--data", str(data))
    assert done.returncode == 0
    assert done.stdout == "Samband was not running.\n"
    assert not data.exists()


def test_logs_of_something_unknown_name_what_there_is(data: Path) -> None:
    (data / "logs").mkdir(parents=True)
    (data / "logs" / "kafka.log").write_text("first\nsecond\nthird\n")
    done = samband("logs", "kafak", "--data", str(data))
    assert done.returncode == 2
    assert "there are: kafka" in done.stderr
    done = samband("logs", "kafka", "-n", "2", "--data", str(data))
    assert done.stdout == "second\nthird\n"
    assert samband("logs", "../secrets/keys", "--data", str(data)).returncode == 2


def test_reset_asks_first_and_deletes_nothing_when_nobody_can_answer(data: Path) -> None:
    Place(data).make()
    (data / "mailbox" / "a.mail").touch()
    done = samband("reset", "--data", str(data))
    assert done.returncode == 2
    assert "add --yes" in done.stderr
    assert (data / "mailbox" / "a.mail").exists()
    done = samband("reset", "--yes", "--data", str(data))
    assert done.returncode == 0
    assert not (data / "mailbox").exists()


@pytest.mark.parametrize("words", [["reset", "--yes"], ["reset"], ["up", "--fresh"]])
def test_a_folder_that_samband_did_not_make_is_refused_and_left_alone(
    tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    data = ("--data", str(tmp_path))
    done = start("--fresh", *data) if "up" in words else samband(*words, *data)
    assert done.returncode == 1
    assert sentence(done) == (
        f"{tmp_path} is not empty and was not made by Samband, so nothing in it is touched: "
        "choose another folder with --data."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_following_a_log_shows_what_is_added_until_ctrl_c(data: Path) -> None:
    log = data / "logs" / "kafka.log"
    log.parent.mkdir(parents=True)
    log.write_text("first\n")
    command = [sys.executable, "-m", "samband_local", "logs", "kafka", "-f", "--data", str(data)]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "first\n"
        with log.open("a") as file:
            file.write("second [bold]\n")
        assert follower.stdout.readline() == "second [bold]\n"
        # Begun anew, as a start does with a log that has grown large.
        log.write_text("anew\n")
        assert follower.stdout.readline() == "anew\n"
        follower.send_signal(signal.SIGINT)
        assert follower.wait(10) == 0
    finally:
        follower.kill()
        follower.communicate()


def test_what_runs_goes_on_when_nobody_reads_what_it_says() -> None:
    code = (
        "import sys; from samband_local.report import Teller; teller = Teller();"
        "sys.stdin.readline(); [teller.tell('line') for _ in range(3)];"
        "open(sys.argv[1], 'w').write('still here')"
    )
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "note"
        teller = subprocess.Popen(
            [sys.executable, "-c", code, str(note)], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert teller.stdin is not None
        assert teller.stderr is not None
        teller.stderr.close()
        teller.stdin.write(b"go on\n")
        teller.stdin.close()
        teller.wait(20)
        assert note.read_text() == "still here"
