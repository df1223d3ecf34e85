"""`samband trace`: one story from three services, for whoever has a reference in hand."""

from __future__ import annotations

import json
import subprocess
import sys

from samband_kit.history import History, State
from samband_local.stack import Stack
from samband_local.story import officers

from tests.end_to_end.playing import at_the_button, confirmations, some_officers


def trace(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "samband_local", "trace", "--data", str(stack.place.root), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


async def test_a_reference_is_traced_from_the_form_to_the_mail_in_all_services(
    stack: Stack,
) -> None:
    (officer,) = some_officers(1)
    async with at_the_button(stack, officer) as (visitor, checked):
        reference = await officers.send(visitor, checked)
    assert await confirmations(stack, officer) == 1

    told = trace(stack, reference)

    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert "a request, command or job began" in lines[0]
    assert [line for line in lines if "Interest registration received" in line]
    assert [line for line in lines if "applied: notifications" in line]
    assert [line for line in lines if "mail confirm_registration sent" in line]
    assert officer.email not in told.stdout
    assert "\x1b" not in told.stdout
    answer = trace(stack, "--json", reference)
    found = History.model_validate_json(answer.stdout)
    assert {event.service for event in found.events} == {"registration", "notifications"}
    assert {fate.state for fate in found.fates} == {State.APPLIED}
    assert len(found.correlations) == 1
    # What the services said can be put together anywhere.
    file = stack.place.root / "said.json"
    file.write_text(json.dumps(json.loads(answer.stdout)))
    assert trace(stack, "--from", str(file), reference).stdout == told.stdout


def test_an_unknown_id_is_a_sentence(stack: Stack) -> None:
    answer = trace(stack, "000-000-000")
    assert answer.returncode == 1
    assert answer.stderr.startswith("Nothing is known of 000-000-000.")
