"""Known holes in what we depend on: pip-audit over the lock file, as part of `make check`.

The advisory service is on the network. Where it does not answer, or does not
know a package, that is said in a line and is no failure: a check that cannot be
made must not look like one that was. What is found fails, unless `ACCEPTED`
says why it does not concern us, and until when.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_LONGEST = 120


@dataclass(frozen=True)
class Acceptance:
    """Why an advisory does not concern us, and the day on which to look again."""

    reason: str
    until: date


ACCEPTED: Mapping[str, Acceptance] = {}
"""By the advisory's id (`PYSEC-…`, `GHSA-…`)."""


@dataclass(frozen=True)
class Verdict:
    """What the service's report comes to."""

    holes: tuple[str, ...]
    unknown: tuple[str, ...]

    @classmethod
    def of(
        cls, report: Mapping[str, Any], accepted: Mapping[str, Acceptance], today: date
    ) -> Verdict:
        """Read pip-audit's JSON."""
        packages = report["dependencies"]
        return cls(
            tuple(hole for package in packages for hole in _holes(package, accepted, today)),
            tuple(package["name"] for package in packages if "skip_reason" in package),
        )


def _holes(
    package: Mapping[str, Any], accepted: Mapping[str, Acceptance], today: date
) -> Iterator[str]:
    for advisory in package.get("vulns", ()):
        names = {advisory["id"], *advisory.get("aliases", ())}
        reasons = (accepted[name] for name in names if name in accepted)
        if any(one.reason and today <= one.until for one in reasons):
            continue
        mended = ", ".join(advisory["fix_versions"]) or "no version"
        yield f"{package['name']} {package['version']}: {advisory['id']}, mended in {mended}"


def _ask() -> Mapping[str, Any] | str:
    """The service's report about everything in the lock file, or why there is none."""
    exported = [str(ROOT / ".uv/bin/uv"), "export", "--quiet", "--all-packages", "--all-groups"]
    exported += ["--no-hashes", "--no-emit-workspace", "--frozen"]
    locked = subprocess.run(exported, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write(locked)
        listed.flush()
        command = [sys.executable, "-m", "pip_audit", "--requirement", listed.name, "--no-deps"]
        command += ["--disable-pip", "--format", "json", "--progress-spinner", "off"]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=_LONGEST
            )
        except subprocess.TimeoutExpired:
            return "the advisory service took too long"
    try:
        report: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().splitlines() or ["pip-audit said nothing"]
        return last[-1][:200]
    return report


def main() -> int:
    """Say what was found, or that nobody could be asked; 1 if there is a hole."""
    report = _ask()
    if isinstance(report, str):
        sys.stderr.write(f"not audited: {report}\n")
        return 0
    verdict = Verdict.of(report, ACCEPTED, datetime.now(UTC).date())
    total = len(report["dependencies"])
    if verdict.unknown:
        sys.stderr.write(
            f"not audited: {len(verdict.unknown)} of {total} packages,"
            " which the advisory service does not know here\n"
        )
    for hole in verdict.holes:
        sys.stderr.write(f"{hole}\n")
    return 1 if verdict.holes else 0


if __name__ == "__main__":
    sys.exit(main())
