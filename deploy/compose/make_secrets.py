#!/usr/bin/env python3
"""Passwords and keys for docker-compose.yml: made at random, once, on this host.

    python3 deploy/compose/make_secrets.py [--new NAME] [FOLDER]

Every secret becomes a file of its own, of which a container sees only those
that it reads. The folder is open to its owner alone; inside it the files can
be read by all, because the programs in the containers are nobody's and have
to. What is there is never overwritten, but for the password that `--new` names:
that file keeps its place, so that containers which run see the new password.
Without FOLDER they go to `deploy/compose/secrets`, and `.env`, which compose
reads, says so. Needs nothing but Python, as old as 3.8.
"""

from __future__ import annotations

import argparse
import os
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USUAL = "deploy/compose/secrets"
SERVICES = ("registration", "networks", "notifications")
KAFKA_USERS = ("broker", "admin", "operator", *SERVICES, "subscriber")
CHANGED = (
    *(f"{service}_password" for service in SERVICES),
    *(f"kafka_{user}_password" for user in KAFKA_USERS),
)
"""What can be changed later: the guide says who else has to be told."""


def make_secrets(folder: Path) -> list[str]:
    """Make what is missing in `folder`; returns the names of what was made."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = [
        name
        for name in (
            "postgres_password",
            "secret_keys",
            "smtp_password",
            *CHANGED,
        )
        if keep(folder / name, secrets.token_urlsafe(48), mode=0o444)
    ]
    made += [
        f"{service}_database_url"
        for service in SERVICES
        if keep(folder / f"{service}_database_url", database_url(folder, service), mode=0o444)
    ]
    return made


def change(folder: Path, name: str) -> list[str]:
    """Put another password in place of the one that is there, in a URL too that holds it."""
    rewrite(folder / name, secrets.token_urlsafe(48))
    service = name[: -len("_password")]
    if service not in SERVICES:
        return [name]
    rewrite(folder / f"{service}_database_url", database_url(folder, service))
    return [name, f"{service}_database_url"]


def database_url(folder: Path, service: str) -> str:
    """Where a service finds its database, and what lets it in."""
    password = (folder / f"{service}_password").read_text()
    return f"postgresql://{service}:{password}@postgres:5432/samband"


def rewrite(path: Path, text: str) -> None:
    """Change what stands in a file that is there; whoever has it mounted sees it."""
    mode = path.stat().st_mode & 0o777
    path.chmod(0o600)
    path.write_text(text)
    path.chmod(mode)


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
    parser = argparse.ArgumentParser(description="Passwords and keys for docker-compose.yml.")
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")
    parser.add_argument("--new", choices=CHANGED, metavar="NAME", help=", ".join(CHANGED))
    given = parser.parse_args()
    folder = given.folder or ROOT / USUAL
    made = make_secrets(folder)
    if not given.folder and keep(ROOT / ".env", f"SAMBAND_SECRETS=./{USUAL}\n", mode=0o600):
        made.append(".env")
    if given.new:
        made += change(folder, given.new)
    print(f"Made: {', '.join(made)}." if made else "All secrets were there already.")  # noqa: T201 - a program


if __name__ == "__main__":
    main()
