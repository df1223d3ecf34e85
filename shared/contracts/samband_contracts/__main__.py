"""`python -m samband_contracts`: the topics, the documents made from them, and releases."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

from samband_contracts import topics
from samband_contracts.documents import generated
from samband_contracts.release import ReleaseRefused, freeze

_PACKAGE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    """List topics and events, `write` schemas and AsyncAPI, or freeze a `release`."""
    parser = argparse.ArgumentParser(
        prog="python -m samband_contracts",
        description="The topics and events of Samband.",
        epilog="example: python -m samband_contracts list",
    )
    parser.add_argument("command", choices=["list", "write", "release"], nargs="?", default="list")
    match parser.parse_args(arguments).command:
        case "write":
            _write(_PACKAGE)
        case "release":
            return _release()
        case _:
            _list()
    return 0


def _list() -> None:
    for topic in topics.ALL:
        sys.stdout.write(f"{topic.name}  ({topic.owner}, key {topic.key}, {topic.cleanup})\n")
        sys.stdout.writelines(f"    {event.TYPE}\n" for event in topic.events)


def _write(folder: Path) -> None:
    for path, text in generated().items():
        target = folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _release() -> int:
    try:
        path = freeze(_PACKAGE.parent / "released", version("samband-contracts"))
    except ReleaseRefused as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    sys.stdout.write(f"Frozen as {path.name}. Commit it with its sum and the version.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
