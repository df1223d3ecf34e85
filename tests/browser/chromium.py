"""A Chromium for the browser tests: one that is there, or one that can be had.

`make test` runs this module before the tests, so that a fresh machine has a
browser; the tests themselves only ask `find`. Nothing here fails: without a
browser the browser tests count as not run, and both say so.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
NONE = "NOT RUN: there is no Chromium on this machine, and none could be installed."


def find(own: str) -> Path | None:
    """The first Chromium that answers: the system's, then Playwright's `own`."""
    installed = [path for name in NAMES if (path := shutil.which(name))]
    candidates = (Path(path) for path in (*installed, MACOS, own))
    return next(filter(_answers, candidates), None)


def install(own: str) -> None:
    """Try what may work: Debian's package for root, then Playwright's download."""
    apt = shutil.which("apt-get") if os.geteuid() == 0 else None
    if apt:
        _tell("Installing Debian's Chromium for the browser tests (about 120 MB) …")
        package = [apt, "install", "-y", "--no-install-recommends", "chromium"]
        if not _try(package) and _try([apt, "update"]):
            _try(package)
    if not find(own):
        _tell("Downloading Playwright's Chromium for the browser tests (about 170 MB) …")
        _try([sys.executable, "-m", "playwright", "install", "chromium"])


def _answers(candidate: Path) -> bool:
    # Some systems ship a stub of this name that only advertises another package.
    return candidate.is_file() and _try([str(candidate), "--version"])


def _try(command: Sequence[str]) -> bool:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return not subprocess.run(command, env=quiet, check=False, capture_output=True).returncode


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


if __name__ == "__main__":
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    if not find(path):
        install(path)
        if not find(path):
            _tell(f"\n{'*' * 78}\n  Browser tests {NONE}\n{'*' * 78}\n")
