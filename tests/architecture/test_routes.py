"""Every route says who may use it."""

from importlib import import_module
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from samband_kit.database import Pool
from samband_kit.service import Runtime, Service
from samband_kit.web.app import rules, unguarded

from tests.architecture.source_tree import SERVICES

SETTINGS: dict[str, Any] = {
    "database_url": "postgresql://nobody@127.0.0.1/nothing",
    "kafka_servers": "127.0.0.1:9",
    "secret_keys": "never-used-for-anything-but-this-test",
}


@pytest.mark.parametrize("package", SERVICES)
def test_no_route_is_without_a_rule(package: str) -> None:
    service: Service = import_module(f"{package}.main").SERVICE
    assert service.web, "this service has no pages, so it needs no line here"
    # Building the app touches neither database nor Kafka; only requests do.
    pool = cast("Pool", None)
    runtime = Runtime(service, service.settings(**SETTINGS), pool, CollectorRegistry())
    app = service.web(runtime)
    assert rules(app)
    assert unguarded(app) == []
