"""The sums in the guide to scaling are those of the code and of the database's roles."""

from __future__ import annotations

import re

import pytest
from samband_contracts.topics import ALL
from samband_kit.service import Kind, Service
from samband_kit.supervisor.process import pool_size
from samband_networks.main import SERVICE as NETWORKS
from samband_notifications.main import SERVICE as NOTIFICATIONS
from samband_registration.main import SERVICE as REGISTRATION

from tests.operating.blocks import ROOT

PAGE = (ROOT / "docs/operating/scaling.md").read_text(encoding="utf-8")
KINDS = (Kind.SERVE, Kind.CONSUME, Kind.SEND)
# While it is asked whether it is ready, every process opens one beside its pool.
ASKED = 1
# Relay and jobs stand by or lead on one each.
LEADING = 2


def most(service: Service, kind: Kind) -> int:
    """How many connections such a process may have at once."""
    beside = 0
    if kind is Kind.CONSUME:
        # The watchdog looks past the pool, too.
        beside = LEADING + bool(service.reactions)
    return pool_size(service, {kind}) + beside + ASKED


@pytest.mark.parametrize("service", [REGISTRATION, NETWORKS, NOTIFICATIONS], ids=lambda s: s.name)
def test_the_connections_of_each_kind_of_process_are_right(service: Service) -> None:
    said = re.search(rf"^\| {service.name} \|(.*)\|$", PAGE, re.MULTILINE)
    assert said
    assert [cell.strip() for cell in said[1].split("|")] == [
        str(most(service, kind)) if kind in service.kinds else "" for kind in KINDS
    ]


def test_the_example_adds_up_and_fits_into_what_a_role_may_open() -> None:
    rows = re.findall(r"^\| (\d) `(\w+)` \| (\d+) \|$", PAGE, re.MULTILINE)
    assert rows
    for count, kind, sum_ in rows:
        assert int(count) * most(NOTIFICATIONS, Kind(kind)) == int(sum_)
    together = re.search(r"together \| (\d+) of (\d+) \|", PAGE)
    command = re.search(r"a command \| (\d+) \|", PAGE)
    assert together
    assert command
    assert sum(int(sum_) for *_, sum_ in rows) + int(command[1]) == int(together[1])
    roles = (ROOT / "deploy/postgres/roles.sql").read_text(encoding="utf-8")
    assert set(re.findall(r"connection limit (\d+)", roles)) == {together[2]}
    assert int(together[1]) <= int(together[2])


def test_every_topic_has_as_many_partitions_as_the_guide_says() -> None:
    said = re.search(r"Every topic has (\d+) partitions", PAGE)
    assert said
    assert {topic.partitions for topic in ALL} == {int(said[1])}
