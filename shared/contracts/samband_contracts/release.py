"""Releases: what the contracts promised in each version, kept beside the package.

A promise is one document, `released/<version>.json`: every topic with what its
readers rely on, every event with its schema. It is written once, when a
version goes out, and never changed: `SHA256SUMS` beside it says what was written,
`make check` holds every document against it and the contracts of today against
every document.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from samband_contracts import topics
from samband_contracts.documents import JSON, as_text, schema

if TYPE_CHECKING:
    from pathlib import Path

SUMS = "SHA256SUMS"
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


class ReleaseRefused(Exception):
    """Nothing was written; the message says why."""


def promise() -> JSON:
    """What the contracts of this moment promise."""
    return {
        "topics": {
            topic.name: {
                "owner": topic.owner,
                "key": topic.key,
                "cleanup": topic.cleanup.value,
                "partitions": topic.partitions,
                "events": [event.TYPE for event in topic.events],
            }
            for topic in topics.ALL
        },
        "schemas": {event.TYPE: schema(event) for topic in topics.ALL for event in topic.events},
    }


def freeze(folder: Path, version: str) -> Path:
    """Write the promise of `version` down for good.

    Raises:
        ReleaseRefused: the version is none, was released before, or `folder`
            is not that of a checkout.
    """
    if not _VERSION.fullmatch(version):
        raise ReleaseRefused(f"{version} is no version: write it as 1.2.3.")
    if not folder.is_dir():
        raise ReleaseRefused(f"{folder} does not exist: releases are frozen in a checkout.")
    path = folder / f"{version}.json"
    if path.exists() or path.name in _sums(folder):
        raise ReleaseRefused(
            f"{version} is released: what it promised is never changed. "
            "Raise the version in pyproject.toml."
        )
    path.write_text(as_text(promise()), encoding="utf-8")
    with (folder / SUMS).open("a", encoding="utf-8") as sums:
        sums.write(f"{_digest(path)}  {path.name}\n")
    return path


def changed(folder: Path) -> list[str]:
    """A sentence for every document that is not what was frozen."""
    sums = _sums(folder)
    sentences = []
    for name in sorted({*sums, *(path.name for path in folder.glob("*.json"))}):
        path = folder / name
        back = "bring it back from the commit that released it."
        if name not in sums:
            sentences.append(
                f"{name} was frozen by nobody: `python -m samband_contracts release` does it."
            )
        elif not path.exists():
            sentences.append(f"{name} is gone: {back}")
        elif _digest(path) != sums[name]:
            sentences.append(f"{name} is not what was frozen: {back}")
    return sentences


def released(folder: Path) -> dict[str, JSON]:
    """Every promise that was frozen, by its version."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def _sums(folder: Path) -> dict[str, str]:
    """The digest of each document, as `sha256sum` writes and checks them."""
    path = folder / SUMS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
