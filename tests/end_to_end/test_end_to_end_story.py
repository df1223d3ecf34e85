"""The story as a test: what people do in browsers ends in the right mailboxes, once."""

from __future__ import annotations

from samband_local.stack import Stack

from tests.end_to_end.playing import told


async def test_the_first_human_rights_network_goes_from_forms_to_invitations(stack: Stack) -> None:
    report = await told(stack)

    assert report.differences == []
    assert report.registrations_submitted == 8
    assert report.duplicates_caught == 1
    assert report.organisations_in_network == 16
    assert report.meetings_scheduled == 1
    assert report.mails_received == report.mails_expected == 37
    assert report.mails_duplicated == 0
    assert report.sequence_gaps == 0
    assert report.events_published > 100


async def test_a_second_network_of_the_same_municipalities_mixes_with_nothing(stack: Stack) -> None:
    await told(stack)

    report = await told(stack)

    # Nobody who merely names a member's organisation is invited to its meetings.
    assert report.differences == []
