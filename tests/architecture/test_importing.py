"""Importing our modules: it defines things, and needs what its distribution declares."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.architecture.source_tree import DISTRIBUTIONS, ROOT, modules, sources

UV = shutil.which("uv", path=f"{ROOT / '.uv/bin'}{os.pathsep}{os.environ.get('PATH', '')}")
PROBE = Path(__file__).with_name("import_probe.py")
# What pydantic itself stands on; nothing else may come with the contracts.
PYDANTIC = {
    "annotated-types",
    "pydantic",
    "pydantic-core",
    "typing-extensions",
    "typing-inspection",
}


@pytest.mark.parametrize("order", [list, reversed])
def test_importing_starts_nothing_and_needs_no_environment_in_any_order(
    order: Callable[[list[str]], Iterable[str]], tmp_path: Path
) -> None:
    ours = order([module for package in DISTRIBUTIONS for module in modules(package)])
    probe = subprocess.run(
        [sys.executable, str(PROBE), ",".join(_other_packages()), ",".join(ours)],
        env={}, cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert not probe.stderr
    assert probe.stdout == "done"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", DISTRIBUTIONS)
def test_a_distribution_declares_all_that_it_imports(package: str, tmp_path: Path) -> None:
    """Its own dependencies are all there is: a borrowed one cannot be imported."""
    python = _environment_of(package, tmp_path)
    found = subprocess.run(
        [python, "-P", "-c", f"import {', '.join(modules(package))}"],
        env={}, cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert not found.stderr


def test_a_service_cannot_even_import_another(tmp_path: Path) -> None:
    python = _environment_of("samband_networks", tmp_path)
    for other in ("samband_registration", "samband_notifications", "samband_local"):
        found = subprocess.run(
            [python, "-P", "-c", f"import {other}"], env={}, check=False, capture_output=True
        )
        assert b"ModuleNotFoundError" in found.stderr


def test_the_contracts_install_alone_with_pydantic_only(tmp_path: Path) -> None:
    """As a subscriber gets them: built as a wheel, into an empty environment."""
    python = _environment_of("samband_contracts", tmp_path, "--no-editable")
    installed = json.loads(_uv("pip", "list", "--python", python, "--format", "json"))
    assert {package["name"] for package in installed} == PYDANTIC | {"samband-contracts"}
    answer = subprocess.run(
        [python, "-P", "-m", "samband_contracts", "list"],
        env={}, cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "samband.public.networks" in answer.stdout
    [package] = (tmp_path / "samband_contracts").rglob("site-packages/samband_contracts")
    assert (package / "asyncapi.json").exists()
    assert list((package / "schemas").glob("*.json"))


def test_every_distribution_is_a_member_of_the_workspace() -> None:
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    members = {ROOT / member for member in workspace["uv"]["workspace"]["members"]}
    assert members == set(DISTRIBUTIONS.values())
    assert set(workspace["importlinter"]["root_packages"]) == set(DISTRIBUTIONS)


def _environment_of(package: str, folder: Path, *how: str) -> str:
    """A Python whose environment holds `package` and what it declares."""
    environment = folder / package
    _uv(
        "sync", "--package", package.replace("_", "-"), "--no-dev", "--locked", *how,
        "--python", sys.executable, UV_PROJECT_ENVIRONMENT=str(environment),
    )  # fmt: skip
    return str(environment / "bin/python")


def _uv(*arguments: str, **environment: str) -> str:
    assert UV, "uv is missing: run this through `make`"
    # An activated environment would be taken for the one that is meant.
    inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    answer = subprocess.run(
        [UV, *arguments], cwd=ROOT, env=inherited | environment,
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def _other_packages() -> set[str]:
    """The modules of others that ours import at their top, by full name."""
    found: set[str] = set()
    for source in sources(shipped_only=True):
        for node in source.tree.body:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    return {name for name in found if not name.startswith("samband_") and name != "__future__"}
