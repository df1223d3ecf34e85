"""Passwords and keys of this installation: made once, kept in files of mode 0600.

Services get the names of the files, never the values: an environment can be
read from outside more easily than a file.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def secret(folder: Path, name: str) -> str:
    """The secret `name`, made at random when it is asked for the first time."""
    path = folder / name
    if not path.exists():
        keep(folder, name, secrets.token_urlsafe(48))
    return path.read_text().strip()


def keep(folder: Path, name: str, value: str) -> Path:
    """Write `value` so that only its owner can ever read it; the path."""
    path = folder / name
    new = path.with_name(name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(value)
    new.replace(path)
    return path
