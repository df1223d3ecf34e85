"""What the story found: counts, and whether they are what they should be."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Report:
    """The counts that the story checks; `seconds` from its first page to its last mail."""

    registrations_submitted: int = 0
    duplicates_caught: int = 0
    organisations_in_network: int = 0
    meetings_scheduled: int = 0
    mails_expected: int = 0
    mails_received: int = 0
    mails_duplicated: int = 0
    events_published: int = 0
    sequence_gaps: int = 0
    seconds: float = 0.0
    differences: list[str] = field(default_factory=list)
    """One sentence for each thing that is not as it should be."""

    def expect(self, what: str, found: int, expected: int) -> None:
        """Note a difference unless `found` is `expected`."""
        if found != expected:
            self.differences.append(f"{what}: {expected} expected, {found} found.")

    def as_json(self) -> dict[str, object]:
        """The report as machines read it; `differences` only when there are some."""
        counts = asdict(self)
        counts["seconds"] = round(self.seconds, 1)
        if not self.differences:
            del counts["differences"]
        return counts


Mails = Counter[tuple[str, str]]
"""How many mails of each kind an address got or should get: (address, kind)."""


def compare_mails(report: Report, expected: Mails, received: Mails) -> None:
    """Count mails against what each address should have got, and name each difference."""
    report.mails_expected = expected.total()
    report.mails_received = received.total()
    report.mails_duplicated = sum(
        max(0, count - max(1, expected[which])) for which, count in received.items()
    )
    for which in sorted(expected | received):
        if expected[which] != received[which]:
            address, kind = which
            report.differences.append(
                f"{address} should have got {expected[which]} × {kind}, and got {received[which]}."
            )


def gaps(sequences: Mapping[tuple[str, str], list[int]]) -> int:
    """How many numbers are missing, over every (topic, key), counted from 1.

    A number that stands twice is no gap: publishing is at least once.
    """
    return sum(max(seen) - len(set(seen)) for seen in sequences.values() if seen)
