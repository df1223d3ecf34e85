"""`python -m samband_contracts`: the topics, and the documents made from them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from samband_contracts import topics
from samband_contracts.documents import generated


def main(arguments: list[str] | None = None) -> int:
    """List topics and events, or `write` schemas and AsyncAPI into the package."""
    parser = argparse.ArgumentParser(
        prog="python -m samband_contracts",
        description="The topics and events of Samband.",
        epilog="example: python -m samband_contracts list",
    )
    parser.add_argument("command", choices=["list", "write"], nargs="?", default="list")
    if parser.parse_args(arguments).command == "write":
        _write(Path(__file__).parent)
    else:
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


if __name__ == "__main__":
    sys.exit(main())
