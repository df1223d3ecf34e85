"""Who reads which topic: what the contracts say is what the services do."""

from __future__ import annotations

import pytest
from samband_contracts.topics import ALL, CONTACT_STATE
from samband_kit.service import Service
from samband_networks.main import SERVICE as NETWORKS
from samband_notifications.main import SERVICE as NOTIFICATIONS
from samband_registration.main import SERVICE as REGISTRATION

SERVICES = (REGISTRATION, NETWORKS, NOTIFICATIONS)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_reads_what_the_contracts_say(service: Service) -> None:
    declared = {topic.name for topic in ALL if service.name in topic.readers}
    assert {reaction.topic.name for reaction in service.reactions} == declared


def test_topics_are_owned_and_read_by_services_that_there_are() -> None:
    named = {name for topic in ALL for name in (topic.owner, *topic.readers)}
    assert named == {service.name for service in SERVICES}


def test_names_and_addresses_of_people_are_read_by_notifications_alone() -> None:
    assert CONTACT_STATE.readers == ("notifications",)
