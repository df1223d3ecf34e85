"""Log lines: one JSON object each, with service and correlation, and nothing forged."""

from __future__ import annotations

import io
import json
import logging
import os
from typing import TYPE_CHECKING

import pytest
from samband_kit.correlation import correlated
from samband_kit.ids import new_id
from samband_kit.logs import configure_logs, get_logger

from tests.kit.log_state import kept_logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with kept_logs():
        configure_logs("listening", stream=stream)
        yield stream


def parsed(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_our_lines_and_those_of_libraries_look_alike(lines: io.StringIO) -> None:
    get_logger("ours").info("something happened", registration_id="r1")
    logging.getLogger("library").warning("watch %s", "out")
    ours, theirs = parsed(lines)
    assert (ours["event"], ours["registration_id"], ours["level"]) == (
        "something happened",
        "r1",
        "info",
    )
    assert (theirs["event"], theirs["level"], theirs["logger"]) == (
        "watch out",
        "warning",
        "library",
    )
    assert ours["service"] == theirs["service"] == "listening"
    assert str(ours["timestamp"]).endswith("Z")


def test_lines_name_their_correlation(lines: io.StringIO) -> None:
    story, cause = new_id(), new_id()
    with correlated(story, cause):
        get_logger("ours").info("inside")
        logging.getLogger("library").warning("inside too")
    for line in parsed(lines):
        assert (line["correlation_id"], line["causation_id"]) == (str(story), str(cause))


def test_nobody_can_forge_a_line(lines: io.StringIO) -> None:
    get_logger("ours").info("a value", value='x\n{"event": "forged"}\r\u2028')
    assert len(lines.getvalue().split("\n")) == 2


def test_a_library_that_repeats_itself_is_heard_once_in_a_while(lines: io.StringIO) -> None:
    for node in range(50):
        logging.getLogger("aiokafka.client").error("Unable connect to node %s", node)
        logging.getLogger("other").error("important %s", node)
    events = [line["event"] for line in parsed(lines)]
    assert events.count("Unable connect to node 0") == 1
    assert len(events) == 51


def test_an_error_is_one_line_with_its_traceback(lines: io.StringIO) -> None:
    try:
        os.environ["GONE"]
    except LookupError:
        get_logger("ours").exception("it failed")
    [line] = parsed(lines)
    assert "KeyError: 'GONE'" in str(line["exception"])
