"""Who is told about what becomes of a registration."""

from samband_contracts.registrations import RegistrationFlagged, RegistrationWithdrawn
from samband_kit.ids import new_id
from samband_kit.testing import Backing

from tests.notifications.post_office import a_contact, post_office, received


async def test_the_sender_of_a_duplicate_is_asked_to_choose(backing: Backing) -> None:
    anna = a_contact()
    sent = received(anna.contact_id)
    async with post_office(backing) as office:
        await office.hear(
            anna,
            sent,
            RegistrationFlagged(
                registration_id=sent.registration_id,
                call_id=sent.call_id,
                contact_id=anna.contact_id,
                duplicate_of=new_id(),
            ),
        )
        assert await office.states() == {
            "confirm_registration anna@lund.example": "skipped: superseded",
            "registration_flagged anna@lund.example": "queued",
        }


async def test_everybody_of_a_withdrawn_registration_is_told(backing: Backing) -> None:
    anna, bo = a_contact(), a_contact("Bo", "bo@lund.example")
    sent = received(anna.contact_id)
    async with post_office(backing) as office:
        await office.hear(
            anna,
            bo,
            sent,
            RegistrationWithdrawn(
                registration_id=sent.registration_id,
                call_id=sent.call_id,
                contact_ids=(anna.contact_id, bo.contact_id),
            ),
        )
        states = await office.states()
        assert states["registration_withdrawn anna@lund.example"] == "queued"
        assert states["registration_withdrawn bo@lund.example"] == "queued"
