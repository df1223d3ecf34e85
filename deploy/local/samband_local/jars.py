"""Kafka's jar files: fetched once through jgo, checked, kept in the user's cache.

`kafka.lock` names every file with its SHA-256, so nothing is resolved here and
nothing that was not reviewed is run. A file gets its name only when it is
complete and right, and all are checked at every start (it takes a tenth of a
second): a download that was killed half-way or a damaged disk costs one more
download. Any number of processes may ask at once.

`python -m samband_local.jars` writes the lock anew after a version was raised.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock

from samband_local.problems import NoNetwork, NotWritable, WrongChecksum

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA = "org.apache.kafka:kafka_2.13:4.4.0"
# Kafka logs nothing without a binding. It is resolved by itself: together with
# Kafka, its parent's version list would pull kafka-clients down to 3.9.
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"

CENTRAL = "https://repo.maven.apache.org/maven2"
"""Where they come from; `SAMBAND_MAVEN_URL` names a mirror."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def locked() -> tuple[Jar, ...]:
    """The jars that Kafka needs, in the order of the class path."""
    jars = []
    for line in files("samband_local").joinpath("kafka.lock").read_text().splitlines():
        coordinate, sha256 = line.split()
        group, artifact, version = coordinate.split(":")
        jars.append(Jar(group, artifact, version, sha256))
    return tuple(jars)


def cache_folder() -> Path:
    """Where the jars are kept between projects and runs; `SAMBAND_CACHE` overrides it."""
    return Path(os.environ.get("SAMBAND_CACHE") or platformdirs.user_cache_path("samband"))


def kafka_jars(cache: Path | None = None, progress: Progress = lambda _: None) -> list[Path]:
    """The jars on this machine, downloaded if need be. Raises a `LocalProblem`.

    `progress` is told each step of a download.
    """
    folder = (cache or cache_folder()) / KAFKA.replace(":", "-")
    jars = locked()
    if not all(_is_right(folder / jar.file_name, jar) for jar in jars):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "download.lock"):
                _complete(folder, jars, progress)
        except PermissionError as error:
            raise NotWritable(folder, error.strerror or "no access") from error
    return [folder / jar.file_name for jar in jars]


def _complete(folder: Path, jars: tuple[Jar, ...], progress: Progress) -> None:
    missing = [jar for jar in jars if not _is_right(folder / jar.file_name, jar)]
    repository = folder / "half-loaded"
    shutil.rmtree(repository, ignore_errors=True)
    context = _maven(repository)
    pool = ThreadPoolExecutor(4)
    try:
        for done, jar in enumerate(pool.map(lambda jar: _fetch(context, folder, jar), missing), 1):
            progress(f"Downloading Kafka: {done} of {len(missing)} files ({jar.file_name})")
    finally:
        # After a failure or Ctrl-C the rest must not be tried first.
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(repository, ignore_errors=True)


def _is_right(path: Path, jar: Jar) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def _fetch(context: MavenContext, folder: Path, jar: Jar) -> Jar:
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        loaded = artifact.resolve()
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        raise NoNetwork(jar.file_name) from error
    if not _is_right(loaded, jar):
        loaded.unlink()
        raise WrongChecksum(jar.file_name)
    loaded.replace(folder / jar.file_name)
    return jar


def _maven(repository: Path) -> MavenContext:
    # Imported late: it costs a third of a second, and only the first start needs it.
    from jgo.maven import MavenContext

    logging.getLogger("jgo").setLevel(logging.ERROR)
    central = os.environ.get("SAMBAND_MAVEN_URL") or CENTRAL
    return MavenContext(repo_cache=repository, local_repos=[], remote_repos={"central": central})


def write_lock(lock: Path, repository: Path) -> int:
    """Resolve both coordinates with jgo, download, write the lock; the number of jars."""
    import jgo

    os.environ["M2_REPO"] = str(repository)
    binding = LOG_BINDING.split(":")[1]
    resolved = [
        *jgo.resolve(KAFKA),
        *(each for each in jgo.resolve(LOG_BINDING) if each.artifactId == binding),
    ]
    lines = []
    for each in resolved:
        sha256 = hashlib.sha256(each.resolve().read_bytes()).hexdigest()
        lines.append(f"{each.groupId}:{each.artifactId}:{each.version} {sha256}\n")
    lock.write_text("".join(sorted(lines)))
    return len(lines)


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        write_lock(Path(__file__).with_name("kafka.lock"), Path(folder))
