#!/usr/bin/env python3
"""Passwords and keys for docker-compose.yml: made at random, once, on this host.

    python3 deploy/compose/make_secrets.py [FOLDER]

Every secret becomes a file of its own, of which a container sees only those
that it reads. The folder is open to its owner alone; inside it the files can
be read by all, because the programs in the containers are nobody's and have
to. What is there is never overwritten. Without FOLDER they go to
`deploy/compose/secrets`, and `.env`, which compose reads, says so. Needs
nothing but Python.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USUAL = "deploy/compose/secrets"
SERVICES = ("registration", "networks", "notifications")
KAFKA_USERS = ("broker", "admin", "operator", *SERVICES, "subscriber")


def make_secrets(folder: Path) -> list[str]:
    """Make what is missing in `folder`; returns the names of what was made."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = [
        name
        for name in (
            "postgres_password",
            "secret_keys",
            *(f"{service}_password" for service in SERVICES),
            *(f"kafka_{user}_password" for user in KAFKA_USERS),
        )
        if keep(folder / name, secrets.token_urlsafe(48), mode=0o444)
    ]
    for service in SERVICES:
        password = (folder / f"{service}_password").read_text()
        url = f"postgresql://{service}:{password}@postgres:5432/samband"
        if keep(folder / f"{service}_database_url", url, mode=0o444):
            made.append(f"{service}_database_url")
    return made


def keep(path: Path, text: str, *, mode: int) -> bool:
    """Write a new file, whole or not at all; False if there is one already."""
    if path.exists():
        return False
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.chmod(mode)
    new.replace(path)
    return True


def main() -> None:
    """Make the secrets, in their usual place `.env` too, and say what was made."""
    if len(sys.argv) > 1:
        made = make_secrets(Path(sys.argv[1]))
    else:
        made = make_secrets(ROOT / USUAL)
        if keep(ROOT / ".env", f"SAMBAND_SECRETS=./{USUAL}\n", mode=0o600):
            made.append(".env")
    sys.stdout.write(f"Made: {', '.join(made)}.\n" if made else "All secrets were there already.\n")


if __name__ == "__main__":
    main()
