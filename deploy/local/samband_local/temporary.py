"""A whole system that is gone afterwards: for tests, for the story, for trying things.

    with temporary() as stack:
        httpx.get(stack.url)

What a killed predecessor left, processes and folder, is cleared away by the
next one of the same user.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from samband_local import pids
from samband_local.stack import Stack, running

PREFIX = "samband-temporary-"
TEST_PREFIX = "samband-test-"


@contextmanager
def temporary(
    *,
    extra: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Stack]:
    """`stack.running` in a new folder, without fear for its data."""
    sweep()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        # The database's own user has to pass.
        Path(folder).chmod(0o711)
        with running(
            Path(folder) / "samband", careless=True, extra=extra, progress=progress, tell=tell
        ) as stack:
            yield stack


def sweep() -> None:
    """End what killed tests and stories left behind, and delete their folders.

    A folder that somebody holds the lock of is left alone, and so is one in
    which nothing was started yet.
    """
    top = Path(tempfile.gettempdir())
    for folder in top.glob(f"{PREFIX}*/samband"):
        if _cleared(folder, folder / "launcher.lock", folder / "pids"):
            shutil.rmtree(folder.parent, ignore_errors=True)
    for folder in top.glob(f"{TEST_PREFIX}*"):
        if _cleared(folder, folder / "backing.lock", folder):
            shutil.rmtree(folder, ignore_errors=True)


def _cleared(root: Path, lock: Path, records: Path) -> bool:
    """Whether nobody lived here any more, and what was left has been ended."""
    try:
        if not any(records.glob("*.pid")):
            return False
        with FileLock(lock, timeout=0):
            pids.end_leftovers(records, root)
    except (Timeout, OSError):
        # Alive, or another user's.
        return False
    return True
