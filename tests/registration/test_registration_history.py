"""A registration is traced by what its sender knows it as."""

from samband_kit.history import History
from samband_kit.testing import Backing
from samband_registration.main import SERVICE

from tests.kit.at_the_keyboard import invoke
from tests.registration.register import PITEA, register


async def test_a_reference_leads_to_everything_that_the_registration_has_gone_through(
    backing: Backing,
) -> None:
    async with register(backing) as here:
        await here.confirmed(organisation_id=PITEA)
        registration_id = await here.confirmed(email="kanarie@lund.example")
        reference = await here.pool.fetchval(
            "select reference from registrations where registration_id = $1", registration_id
        )
        found = []
        for asked in (reference, reference.replace("-", " "), str(registration_id)):
            answer = await invoke(here.settings, SERVICE, "trace", "--json", asked)
            assert answer.exit_code == 0, answer.output
            assert "kanarie" not in answer.stdout
            found.append(History.model_validate_json(answer.stdout))
        assert found[0] == found[1] == found[2]
        ours = [
            event.event["type"] for event in found[0].events if event.key == str(registration_id)
        ]
        assert ours[0] == "se.icld.interest-registration.received.v1"
        assert "se.icld.interest-registration.submitted.v1" in ours
        assert len(found[0].correlations) >= 2
