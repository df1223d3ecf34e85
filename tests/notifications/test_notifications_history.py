"""What `trace` tells of deliveries: every attempt, and nobody's address."""

from samband_kit.history import History
from samband_kit.testing import Backing, eventually
from samband_notifications.main import SERVICE

from tests.kit.at_the_keyboard import invoke
from tests.notifications.mail_server import mail_server
from tests.notifications.post_office import a_contact, post_office, received

ANNA = "anna@lund.example"


async def test_a_delivery_is_told_from_the_queue_to_the_end_without_its_address(
    backing: Backing,
) -> None:
    async with mail_server() as server, post_office(backing, server.port) as office:
        server.script(ANNA, "451", "250")
        contact = a_contact()
        _, asked = await office.hear(contact, received(contact.contact_id))
        async with office.sending():

            async def is_sent() -> bool:
                await office.make_due()
                return set((await office.states()).values()) == {"sent"}

            await eventually(is_sent, 30)
        answer = await invoke(
            office.settings, SERVICE, "trace", "--json", str(asked.correlation_id)
        )
        found = History.model_validate_json(answer.stdout)
        told = [one.what for one in found.happenings]
        assert told[0] == "mail confirm_registration queued"
        assert told[-1] == "mail confirm_registration sent (after a failed attempt)"
        assert "mail confirm_registration waiting (refused_for_now)" in told
        assert [event.event["type"] for event in found.events] == ["se.icld.delivery.settled.v1"]
        about = found.happenings[0].about
        assert about["recipient"] == str(contact.contact_id)
        for secret in (ANNA, contact.name, "lund"):
            assert secret not in answer.stdout
        for name in (about["delivery"], str(found.events[0].event_id)):
            again = await invoke(office.settings, SERVICE, "trace", "--json", name)
            assert History.model_validate_json(again.stdout) == found
