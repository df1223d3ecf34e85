"""Everything that people read is in Swedish too, and times are told as people say them."""

import ast
import importlib
import pkgutil
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import pytest
import samband_networks
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from samband_kit.errors import Refusal
from samband_kit.web.i18n import catalogues
from samband_networks import clocks
from samband_networks.meetings import domain as meetings
from samband_networks.networks import handlers

PACKAGE = Path(str(files("samband_networks")))
KIT = Path(str(files("samband_kit.web")))
# What rules say about fields: pure modules mark no sentences for translation.
OF_RULES = (meetings, handlers)


def translated(package: Path) -> dict[str, tuple[str, ...]]:
    catalogue = read_po(BytesIO((package / "locale" / "sv.po").read_bytes()), locale="sv")
    found: dict[str, tuple[str, ...]] = {}
    for message in catalogue:
        if message.id:
            key = message.id if isinstance(message.id, str) else message.id[0]
            text = message.string or ""
            found[key] = (text,) if isinstance(text, str) else tuple(text)
    return found


def marked() -> Iterator[str]:
    """The sentences of templates and code."""
    methods = [("**.py", "python"), ("**.html", "jinja2")]
    keywords = {"_": None, "N_": None, "ngettext": (1, 2)}
    for _file, _line, message, _comments, _context in extract_from_dir(
        PACKAGE, method_map=methods, keywords=keywords
    ):
        if message:
            yield message if isinstance(message, str) else message[0]


def refusals() -> Iterator[str]:
    for module in pkgutil.walk_packages([str(PACKAGE)], "samband_networks."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            ours = isinstance(value, type) and value.__module__.startswith(
                samband_networks.__name__
            )
            if ours and issubclass(value, Refusal):
                yield value().message


def fields_messages() -> Iterator[str]:
    """What is written into `wrong[...]`."""
    for module in OF_RULES:
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Subscript)
                and isinstance(node.value, ast.Constant)
            ):
                yield str(node.value.value)


def test_every_sentence_is_in_swedish() -> None:
    known = {**translated(KIT), **translated(PACKAGE)}
    wanted = {*marked(), *refusals(), *fields_messages()}
    assert len(wanted) > 150
    assert sorted(wanted - known.keys()) == []


def test_no_translation_is_left_over_or_empty_or_loses_a_placeholder() -> None:
    ours = translated(PACKAGE)
    wanted = {*marked(), *refusals(), *fields_messages()}
    assert sorted(ours.keys() - wanted) == []
    for key, texts in ours.items():
        for text in texts:
            assert text
            assert placeholders(text) == placeholders(key), key


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("language", "starts", "countries", "said"),
    [
        (
            "sv",
            datetime(2027, 2, 9, 9, tzinfo=UTC),
            ["SE", "ZM"],
            "tis 9 februari 2027 kl. 10.00–11.30, svensk tid · 11.00 i Lusaka",
        ),
        (
            "en",
            datetime(2027, 2, 9, 9, tzinfo=UTC),
            ["BW", "SE", "ZA", "ZM"],
            (
                "Tue 9 February 2027 at 10:00–11:30, Swedish time · "
                "11:00 in Gaborone, Johannesburg and Lusaka"
            ),
        ),
        (
            "sv",
            datetime(2027, 6, 8, 8, tzinfo=UTC),
            ["SE", "ZM", "KE"],
            "tis 8 juni 2027 kl. 10.00–11.30, svensk tid · 11.00 i Nairobi · 10.00 i Lusaka",
        ),
        (
            "sv",
            datetime(2027, 2, 9, 21, tzinfo=UTC),
            ["NP"],
            (
                "tis 9 februari 2027 kl. 22.00–23.30, svensk tid · "
                "ons 10 februari 2027 kl. 02.45 i Kathmandu"
            ),
        ),
        (
            "sv",
            datetime(2027, 2, 9, 9, tzinfo=UTC),
            ["US", "SE"],
            "tis 9 februari 2027 kl. 10.00–11.30, svensk tid",
        ),
    ],
)
def test_a_meeting_is_told_in_the_time_of_everybody_who_is_there(
    language: str, starts: datetime, countries: list[str], said: str
) -> None:
    ends = starts.replace(hour=starts.hour + 1, minute=30)
    with catalogues("samband_networks").speaking("sv" if language == "sv" else "en"):
        assert clocks.when(starts, ends, countries) == said


def test_the_zones_to_pick_from_are_swedens_and_the_members() -> None:
    with catalogues("samband_networks").speaking("sv"):
        assert clocks.zone_choices(["ZM", "SE"]) == [
            ("Europe/Stockholm", "Sverige (Stockholm)"),
            ("Africa/Lusaka", "Zambia (Lusaka)"),
        ]
