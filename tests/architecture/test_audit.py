"""The audit of what we depend on tells a hole from a question that nobody answered."""

from __future__ import annotations

from datetime import date, timedelta

from tests.architecture.audit import Acceptance, Verdict

TODAY = date(2027, 5, 3)
# As pip-audit writes it.
REPORT = {
    "dependencies": [
        {"name": "sound", "version": "1.0", "vulns": []},
        {"name": "unheard-of", "skip_reason": "Dependency not found on PyPI"},
        {
            "name": "holey",
            "version": "2.1",
            "vulns": [
                {
                    "id": "PYSEC-2027-1",
                    "fix_versions": ["2.2"],
                    "aliases": ["CVE-2027-1"],
                    "description": "",
                }
            ],
        },
    ],
    "fixes": [],
}


def accepted(days: int, reason: str = "we do not use that part") -> dict[str, Acceptance]:
    return {"CVE-2027-1": Acceptance(reason, TODAY + timedelta(days))}


def test_a_hole_is_named_with_the_version_that_mends_it() -> None:
    verdict = Verdict.of(REPORT, {}, TODAY)
    assert verdict.holes == ("holey 2.1: PYSEC-2027-1, mended in 2.2",)


def test_what_nobody_knows_is_not_taken_for_sound() -> None:
    assert Verdict.of(REPORT, {}, TODAY).unknown == ("unheard-of",)


def test_an_acceptance_holds_until_its_day() -> None:
    assert Verdict.of(REPORT, accepted(0), TODAY).holes == ()
    assert len(Verdict.of(REPORT, accepted(-1), TODAY).holes) == 1


def test_an_acceptance_that_does_not_say_why_is_none() -> None:
    assert len(Verdict.of(REPORT, accepted(1, reason=""), TODAY).holes) == 1
