"""Documentation cannot drift: what the code offers stands in docs/, and nothing else does."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from samband_contracts.topics import ALL, Visibility
from samband_kit.operating import operator_cli
from samband_kit.service import Service
from samband_kit.settings import Settings
from samband_registration.commands import command_line
from typer.core import TyperGroup

from tests.architecture.source_tree import DISTRIBUTIONS, ROOT, SERVICES, files, modules, sources

REFERENCE = ROOT / "docs/reference"
METRICS = ("Counter", "Gauge", "Histogram", "Info", "Summary")
EVENTS = [event for topic in ALL for event in topic.events]
TO_HEADING = re.compile(r"\]\((?!https?:)([^)#]*\.md|)#([^)]+)\)")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#]+)(?:#[^)]*)?\)")


def test_every_setting_is_documented_with_its_default() -> None:
    rows = _rows("settings.md")
    settings = dict(_settings())
    assert rows.keys() == settings.keys()
    assert not [name for name, field in settings.items() if _default(field) not in rows[name]]


def test_every_metric_is_documented() -> None:
    assert _rows("metrics.md").keys() == set(_metrics())


def test_every_metric_has_a_name_that_says_what_is_counted() -> None:
    named = re.compile(
        r"samband_[a-z_]+_(total|seconds|bytes|records|keys|rows|connections|active)"
    )
    assert not [name for name in _metrics() if not named.fullmatch(name)]


def test_every_topic_is_documented_with_its_key_and_readers() -> None:
    rows = {name: row for name, row in _rows("events.md").items() if name.startswith("samband.")}
    assert rows.keys() == {topic.name for topic in ALL}
    for topic in ALL:
        subscribers = ["subscribers"] if topic.visibility is Visibility.PUBLIC else []
        readers = ", ".join([*topic.readers, *subscribers]) or "nobody"
        assert f"`{topic.key}`" in rows[topic.name]
        assert rows[topic.name].endswith(f"| {readers} |")


def test_every_event_is_documented_with_its_fields() -> None:
    rows = {name: row for name, row in _rows("events.md").items() if name.startswith("se.icld.")}
    assert rows.keys() == {event.TYPE for event in EVENTS}
    assert not [
        f"{event.TYPE} {field}"
        for event in EVENTS
        for field in event.model_fields
        if f"`{field}`" not in rows[event.TYPE]
    ]


def test_every_command_is_documented_with_its_options() -> None:
    rows = _rows("commands.md")
    commands = dict(_commands())
    assert rows.keys() == commands.keys()
    assert not [
        f"{name} {option}"
        for name, options in commands.items()
        for option in options
        if f"`{option}`" not in rows[name]
    ]


def test_links_between_pages_lead_somewhere() -> None:
    pages = [path for path in files() if path.suffix == ".md"]
    assert not [
        f"{page.relative_to(ROOT)} -> {link[1]}"
        for page in pages
        for link in LINK.finditer(page.read_text(encoding="utf-8"))
        if not (page.parent / link[1]).exists()
    ]


def test_links_to_a_heading_find_it() -> None:
    pages = [path for path in files() if path.suffix == ".md"]
    assert not [
        f"{page.relative_to(ROOT)} -> {link[1]}#{link[2]}"
        for page in pages
        for link in TO_HEADING.finditer(page.read_text(encoding="utf-8"))
        if link[2] not in _headings(page if not link[1] else (page.parent / link[1]))
    ]


def _headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def _rows(page: str) -> dict[str, str]:
    """The table rows of a reference page by what their first cell names."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return {found[1]: found[0] for found in re.finditer(r"^\| `([^`]+)` .*$", text, re.MULTILINE)}


def _settings() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting of every service, by the name of its environment variable."""
    for package in DISTRIBUTIONS:
        for module in modules(package):
            importlib.import_module(module)
    pending = [Settings]
    while pending:
        group = pending.pop()
        pending += group.__subclasses__()
        for name, field in group.model_fields.items():
            yield f"{group.model_config.get('env_prefix', '')}{name}".upper(), field


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    return f"`{field.default}`" if field.default not in ("", None) else "empty"


def _metrics() -> Iterator[str]:
    """The names of all metrics that the code makes; a computed name cannot be checked."""
    for source in sources(shipped_only=True):
        makers = {
            alias.name
            for node in source.tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prometheus_")
            for alias in node.names
            if alias.name.startswith(METRICS)
        }
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and _called(node) in makers:
                assert isinstance(node.args[0], ast.Constant), f"{source}:{node.lineno}"
                yield str(node.args[0].value)


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _commands() -> Iterator[tuple[str, list[str]]]:
    """Every command of an operator, with its options; `SERVICE` stands for any service."""
    local = importlib.import_module("samband_local.cli").app
    yield from _below("samband", typer.main.get_command(local))
    for package in SERVICES:
        service: Service = importlib.import_module(f"{package}.main").SERVICE
        yield from _below("SERVICE", typer.main.get_command(operator_cli(service)))
    yield from _below("SERVICE", typer.main.get_command(command_line()))


def _below(name: str, command: Any) -> Iterator[tuple[str, list[str]]]:
    if not isinstance(command, TyperGroup):
        yield name, [option.opts[-1] for option in command.params if option.opts[-1][0] == "-"]
        return
    for word, inner in command.commands.items():
        if not inner.hidden:
            yield from _below(f"{name} {word}", inner)
