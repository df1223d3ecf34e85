"""The tree as the architecture tests see it: its files, modules and syntax trees.

Everything is read from disk, nothing is imported, so that a module that
cannot be imported is still checked.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {
    "samband_contracts": ROOT / "shared/contracts",
    "samband_kit": ROOT / "shared/kit",
    "samband_registration": ROOT / "services/registration",
    "samband_networks": ROOT / "services/networks",
    "samband_notifications": ROOT / "services/notifications",
    "samband_local": ROOT / "deploy/local",
}
SERVICES = ("samband_registration", "samband_networks", "samband_notifications")
FOLDERS = (".ci", "benchmarks", "deploy", "docs", "services", "shared", "tests")
BUILT = {"__pycache__", "node_modules", "dist"}
BINARY = {".woff2", ".png", ".ico", ".jpg", ".gz", ".mo", ".zip"}


@dataclass(frozen=True)
class Source:
    """One Python file of the tree."""

    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self))


def files() -> Iterator[Path]:
    """Every text file that belongs to the project, whether committed yet or not."""
    yield from (path for path in sorted(ROOT.iterdir()) if path.is_file() and path.name != ".git")
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not BUILT & set(path.parts) and path.suffix not in BINARY:
                yield path


def sources(*, shipped_only: bool = False) -> list[Source]:
    """The Python files; `shipped_only` leaves out tests and benchmarks."""
    packages = tuple(folder / name for name, folder in DISTRIBUTIONS.items())
    return [
        Source(path)
        for path in files()
        if path.suffix == ".py"
        and (not shipped_only or any(path.is_relative_to(package) for package in packages))
    ]


def modules(package: str) -> list[str]:
    """The dotted names of all modules of one of our packages, itself included."""
    folder = DISTRIBUTIONS[package]
    names = []
    for path in sorted((folder / package).rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names
