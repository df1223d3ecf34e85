"""promtool for the tests of alerts: one that is there, or Debian's, without its daemon.

`make test` runs this module before the tests. Where there is none it takes
Debian's package apart and keeps the one program; nothing is installed and
nothing started. Without it these tests count as not run, and both say so; only
where nothing may be left out, as `.ci/run` says by SAMBAND_COMPLETE, it is an error.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KEPT = Path(sys.executable).parent / "promtool"
NONE = "NOT RUN: there is no promtool on this machine, and none could be had."


def find() -> Path | None:
    """The system's, or the one that was kept."""
    installed = shutil.which("promtool")
    found = Path(installed) if installed else KEPT
    return found if found.is_file() else None


def fetch() -> None:
    """Take it out of Debian's package, if this is a Debian that reaches its archive."""
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if not apt or not dpkg:
        return
    _tell("Fetching promtool for the tests of alerts (about 20 MB) …")
    with tempfile.TemporaryDirectory() as folder:
        # apt's own user has to write there.
        Path(folder).chmod(0o777)
        if not _try(folder, apt, "download", "prometheus"):
            _try(folder, apt, "update")
            _try(folder, apt, "download", "prometheus")
        for package in Path(folder).glob("prometheus_*.deb"):
            _try(folder, dpkg, "--extract", str(package), folder)
            shutil.copy(Path(folder) / "usr/bin/promtool", KEPT)


def _try(folder: str, *command: str) -> bool:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True)
    return not done.returncode


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


if __name__ == "__main__" and not find():
    fetch()
    if not find():
        _tell(f"\n{'*' * 78}\n  Tests of alerts {NONE}\n{'*' * 78}\n")
        sys.exit("SAMBAND_COMPLETE" in os.environ)
