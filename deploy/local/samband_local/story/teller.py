"""How the story is told: as lines with progress, for people; or not at all.

Told on standard error, so that `--json` leaves standard output to machines.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console


class Teller:
    """Tells the story on a console; colours and bars only where it is a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def act(self, title: str) -> None:
        """A new act begins."""
        self._console.print(f"\n[bold]{title}[/bold]", highlight=False)

    def line(self, text: str) -> None:
        """Something has happened."""
        self._console.print(f"  {text}", highlight=False, markup=False)

    @contextmanager
    def counting(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show how far something has come; the body calls back with the count."""
        bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        with bar:
            task: TaskID = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
