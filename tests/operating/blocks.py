"""The commands in the guides: every shell block, and what it says that it needs.

A block begins with ```` ```sh SCENE ````. The scene is what has to be there for
its commands to make sense: a running system, a parked record, Docker. A block
without a scene fails a test, so nothing stands in a guide that nobody has run.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/operating.md",
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/operating/*.md")),
    "docs/subscribing.md",
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*/*/README.md")),
)
_SHELL = re.compile(
    r"^(?P<indent> *)```(?:sh|bash|shell|console)\b *(?P<scene>[^\n]*)\n(?P<text>.*?)^ *```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """Some commands of a guide, in the order in which they stand there."""

    guide: str
    line: int
    scene: str
    text: str

    def __str__(self) -> str:
        return f"{self.guide}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """One line each, without comments."""
        lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in self.text.splitlines())
        return [line for line in lines if line]


def blocks(guide: str) -> list[Block]:
    """All shell blocks of a guide."""
    text = (ROOT / guide).read_text(encoding="utf-8")
    return [
        Block(
            guide,
            text.count("\n", 0, found.start()) + 1,
            found["scene"].strip(),
            textwrap.dedent(found["text"]),
        )
        for found in _SHELL.finditer(text)
    ]


def blocks_for(*scenes: str) -> list[Block]:
    """The blocks of all guides that need one of these scenes: `compose`, say."""
    return [block for guide in GUIDES for block in blocks(guide) if block.scene in scenes]
