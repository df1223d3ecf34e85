"""An operator at the keyboard: runs a command of a service as a terminal would."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from samband_kit.operating import operator_cli
from typer.testing import CliRunner, Result

from tests.kit.log_state import kept_logs

if TYPE_CHECKING:
    from samband_kit.service import Service
    from samband_kit.settings import Settings


async def invoke(config: Settings, service: Service, *words: str, **more: str | None) -> Result:
    """What the command says and how it ends; Kim is the operator."""
    env: dict[str, str | None] = {
        "SAMBAND_DATABASE_URL": config.database_url.get_secret_value(),
        "SAMBAND_KAFKA_SERVERS": config.kafka_servers,
        "SAMBAND_KAFKA_PREFIX": config.kafka_prefix,
        "SAMBAND_SECRET_KEYS": config.secret_keys.get_secret_value(),
        "SAMBAND_OPERATOR": "kim",
    }
    cli = operator_cli(service)
    # A thread has no running loop, just as a terminal has none.
    with kept_logs():
        return await asyncio.to_thread(lambda: CliRunner().invoke(cli, words, env=env | more))
