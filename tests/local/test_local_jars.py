"""Kafka's files: only the reviewed ones are run, and a broken download heals itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from samband_local.jars import cache_folder, kafka_jars, locked
from samband_local.problems import NoNetwork, WrongChecksum
from samband_local.wheels import java

pytestmark = pytest.mark.usefixtures("downloaded")


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and counts what was asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def downloaded() -> list[Path]:
    return kafka_jars()


@pytest.fixture(scope="module")
def central(downloaded: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as Maven Central lays them out."""
    root = tmp_path_factory.mktemp("central")
    for jar, path in zip(locked(), downloaded, strict=True):
        folder = root / jar.group.replace(".", "/") / jar.artifact / jar.version
        folder.mkdir(parents=True)
        (folder / jar.file_name).symlink_to(path)
    return root


@pytest.fixture
def asked(central: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A Maven Central on this machine; what it was asked for."""
    seen: list[str] = []
    handler = type("Counting", (Quiet,), {"asked": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(central)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SAMBAND_MAVEN_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield seen
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(downloaded: list[Path], tmp_path: Path) -> Path:
    """A complete cache of one's own."""
    shutil.copytree(downloaded[0].parent, tmp_path / downloaded[0].parent.name)
    return tmp_path


def jars_asked(asked: list[str]) -> list[str]:
    return [path.rsplit("/", 1)[1] for path in asked if path.endswith(".jar")]


def test_a_complete_cache_asks_nobody(cache: Path, asked: list[str]) -> None:
    assert len(kafka_jars(cache)) == 45
    assert asked == []


def test_a_truncated_jar_is_fetched_again_and_nothing_else(cache: Path, asked: list[str]) -> None:
    victim = next(cache.glob("*/kafka-clients-*.jar"))
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    kafka_jars(cache)
    assert jars_asked(asked) == [victim.name]
    assert victim.read_bytes() == whole


def test_what_a_killed_download_left_does_no_harm(cache: Path, asked: list[str]) -> None:
    folder = next(cache.glob("*/kafka-clients-*.jar")).parent
    (folder / "snakeyaml-2.5.jar").unlink()
    half = folder / "half-loaded/org/yaml/snakeyaml/2.5/snakeyaml-2.5.jar"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    kafka_jars(cache)
    assert jars_asked(asked) == ["snakeyaml-2.5.jar"]
    assert not (folder / "half-loaded").exists()


def test_several_who_start_at_once_download_each_file_once(
    tmp_path: Path, asked: list[str]
) -> None:
    code = "import sys; from pathlib import Path; from samband_local.jars import kafka_jars; kafka_jars(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: subprocess.run(command, check=False), range(2)))
    assert [run.returncode for run in runs] == [0, 0]
    assert sorted(jars_asked(asked)) == sorted(jar.file_name for jar in locked())


def test_a_file_that_is_not_the_reviewed_one_is_thrown_away(
    cache: Path, asked: list[str], central: Path
) -> None:
    mine = next(cache.glob("*/jspecify-*.jar"))
    mine.unlink()
    theirs = next(central.rglob("jspecify-*.jar"))
    original = theirs.readlink()
    theirs.unlink()
    theirs.write_bytes(b"something else")
    try:
        with pytest.raises(WrongChecksum, match=r"jspecify-1\.0\.0\.jar is not the one"):
            kafka_jars(cache)
        assert not mine.exists()
    finally:
        theirs.unlink()
        theirs.symlink_to(original)


def test_no_network_on_the_first_start_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Port 9 of this machine: nobody is there.
    monkeypatch.setenv("SAMBAND_MAVEN_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(NoNetwork, match=r"^The first start downloads Kafka .* try again\.$"):
        kafka_jars(tmp_path)


def test_the_lock_names_each_jar_once_and_a_binding_for_logs() -> None:
    names = [jar.file_name for jar in locked()]
    assert len(names) == len(set(names)) == 45
    assert "kafka_2.13-4.4.0.jar" in names
    assert "kafka-clients-4.4.0.jar" in names
    assert "log4j-slf4j-impl-2.25.5.jar" in names


def test_the_cache_can_be_put_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMBAND_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


def test_java_comes_with_the_wheel() -> None:
    assert os.access(java(), os.X_OK)
