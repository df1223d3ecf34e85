"""What of the caller's own environment reaches the services."""

import pytest
from samband_local.services import plain_environment


def test_only_settings_about_looking_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    looking = {
        "SAMBAND_LOG_LEVEL": "DEBUG",
        "SAMBAND_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "SAMBAND_TRACE_RATIO": "0.1",
    }
    for name, value in (looking | {"SAMBAND_PORT": "1"}).items():
        monkeypatch.setenv(name, value)
    handed_on = plain_environment()
    assert {name: handed_on[name] for name in looking} == looking
    assert "SAMBAND_PORT" not in handed_on
