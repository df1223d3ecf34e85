"""What a file may be called, how long it may be and what it may hold."""

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import yaml

from tests.architecture.source_tree import ROOT, Source, files, sources

LONGEST_FILE = 300
VAGUE_NAMES = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
MAY_CATCH_ALL = {"relay", "consumer", "sender", "supervisor"}

# Written so that this file does not match its own patterns.
LEFTOVER = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b")
SILENCER = re.compile(
    r"#\s*(?:noqa(?P<rules>:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?"
    r"|type:\s*ignore(?P<errors>\[[\w, -]+\])?)(?P<reason>.*)"
)
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|Users|root|work|farm)/\w+")


def test_a_file_is_short_enough_to_be_read_at_once() -> None:
    lengths = {str(source): len(source.text.splitlines()) for source in sources()}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FILE}


def test_a_name_says_what_is_inside_and_hides_no_standard_module() -> None:
    banned = VAGUE_NAMES | sys.stdlib_module_names
    assert not [
        str(source) for source in sources() if banned & {source.path.stem, source.path.parent.name}
    ]


def test_test_files_have_names_of_their_own() -> None:
    names = Counter(
        source.path.name for source in sources() if source.path.stem.startswith("test_")
    )
    assert not [name for name, times in names.items() if times > 1]


def test_migrations_are_numbered_without_a_hole_or_a_double() -> None:
    # Whoever numbers one alike on another branch meets no conflict when both come together.
    folders = sorted({path.parent for path in files() if path.match("migrations/*.sql")})
    assert folders
    for folder in folders:
        numbers = sorted(int(path.name[:4]) for path in folder.glob("*.sql"))
        assert numbers == list(range(1, len(numbers) + 1)), folder


def test_nothing_is_left_behind() -> None:
    assert not [line for source in sources() for line in _lines(source) if LEFTOVER.search(line)]


def test_a_silenced_linter_says_why() -> None:
    assert not [
        line
        for source in sources()
        for line in _lines(source)
        for found in SILENCER.finditer(line)
        if not (found["rules"] or found["errors"]) or not re.search(r"\w{3}", found["reason"])
    ]


def test_only_the_loops_that_must_survive_catch_everything() -> None:
    assert not [
        f"{source}:{line}"
        for source in sources()
        if not MAY_CATCH_ALL & {source.path.stem, source.path.parent.name}
        for line, caught in _caught(source)
        if caught & {"Exception", "BaseException"}
    ]


def test_nothing_is_mocked() -> None:
    assert not [
        f"{source}: {name}"
        for source in sources()
        for name in _imports_and_arguments(source)
        if name.startswith("unittest.mock") or name in {"mock", "mocker"}
    ]


def test_no_text_speaks_of_one_machine() -> None:
    assert not [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in files()
        for found in MACHINE_PATH.finditer(path.read_text(encoding="utf-8"))
    ]


def _lines(source: Source) -> list[str]:
    return [f"{source}:{n}: {line}" for n, line in enumerate(source.text.splitlines(), 1)]


def _caught(source: Source) -> Iterator[tuple[int, set[str]]]:
    """What each `except` and each `suppress` of a file catches and does not raise again."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            if isinstance(node.body[-1], ast.Raise) and not node.body[-1].exc:
                continue
            yield node.lineno, _names(node.type) if node.type else {"BaseException"}
        elif isinstance(node, ast.Call) and "suppress" in _names(node.func):
            yield node.lineno, {name for argument in node.args for name in _names(argument)}


def _imports_and_arguments(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.arg):
            yield node.arg


def _names(expression: ast.expr) -> set[str]:
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(expression)
        if isinstance(node, ast.Name | ast.Attribute)
    }


def test_every_yaml_and_json_file_can_be_read() -> None:
    readers: dict[str, Callable[[str], object]] = {
        ".json": json.loads,
        ".yml": _yaml,
        ".yaml": _yaml,
    }
    for path in files():
        if path.suffix in readers:
            try:
                readers[path.suffix](path.read_text(encoding="utf-8"))
            except (ValueError, yaml.YAMLError) as error:
                raise AssertionError(f"{path.relative_to(ROOT)}: {error}") from error


def _yaml(text: str) -> list[object]:
    return list(yaml.safe_load_all(text))
