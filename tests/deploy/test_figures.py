"""Alerts and dashboard ask for nothing that the running services do not show."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from samband_contracts.topics import BY_NAME
from samband_kit import pulse
from samband_kit.consumer.plan import Reason
from samband_kit.retention import RETENTION
from samband_kit.service import Kind
from samband_kit.testing import eventually, running, service_settings
from samband_networks.main import SERVICE as NETWORKS
from samband_notifications.deliveries.domain.machine import State
from samband_notifications.main import SERVICE as NOTIFICATIONS
from samband_registration.main import SERVICE as REGISTRATION

from tests.deploy.figures import figures, grouped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from samband_kit.testing import Backing, RunningService

SERVICES = (REGISTRATION, NETWORKS, NOTIFICATIONS)
# What Prometheus adds to whatever a process shows.
OF_PROMETHEUS = {"service", "instance", "alertname"}
VALUES: dict[str, set[str]] = {
    "service": {service.name for service in SERVICES},
    "kind": set(Kind),
    "reason": set(Reason),
    "topic": set(BY_NAME),
    "cause": {"infrastructure", "record"},
    "outcome": {"done", "failed"},
    "name": {
        RETENTION.name,
        *(job.name for one in SERVICES for job in (*one.jobs, *pulse.jobs(one))),
    },
    "state": set(State),
}


@pytest.fixture(scope="module")
async def shown(backing: Backing) -> AsyncIterator[dict[str, set[str]]]:
    """Every metric of all three services at work, with its labels."""
    async with AsyncExitStack() as services:
        found: dict[str, set[str]] = {}
        for service in SERVICES:
            settings = await services.enter_async_context(
                service_settings(backing, service.package, service.settings)
            )
            one = await services.enter_async_context(running(service, settings))
            await _counted(one)
            for name, collector in one.process.registry._names_to_collectors.items():
                found[name] = {*getattr(collector, "_labelnames", ()), "le"}
        yield found


async def _counted(one: RunningService) -> None:
    """Registration's own figure comes with the first run of the job that counts."""
    if one.process.service is REGISTRATION:
        done = {"name": "count-registrations", "outcome": "done"}
        await eventually(lambda: one.metric("samband_job_runs_total", **done), 30)


async def test_every_figure_is_shown_by_a_running_service(shown: dict[str, set[str]]) -> None:
    assert not [
        f"{one.where}: {one.metric}{{{label}}}"
        for one in figures()
        for label, _ in (*one.labels, ("le", ""))
        if label not in shown.get(one.metric, set()) | OF_PROMETHEUS
    ]


async def test_everything_is_added_up_by_labels_that_it_has(shown: dict[str, set[str]]) -> None:
    assert not [
        f"{where}: {labels}"
        for where, labels, metrics in grouped()
        if labels - OF_PROMETHEUS - set().union(*(shown[metric] for metric in metrics))
    ]


def test_labels_are_asked_for_values_that_they_can_have() -> None:
    asked = {
        (one.where, label, value)
        for one in figures()
        for label, wanted in one.labels
        for value in wanted.split("|")
        if label not in ("instance", "status") and value not in ("", ".*")
    }
    assert not {(where, label, v) for where, label, v in asked if v not in VALUES[label]}
