"""Access: where Kafka is, who we are there, and how the way to it is protected.

One value that every client is made from. With SASL a client proves who it is
by SCRAM-SHA-512, which sends no password over the wire; the brokers then hold
it to its access rules.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed
from aiokafka.protocol.metadata import MetadataRequest

from samband_kit.kafka.failures import AccessRefused, KafkaUnreachable

if TYPE_CHECKING:
    from pydantic import SecretStr

_MECHANISM = "SCRAM-SHA-512"
_ASK_SECONDS = 5.0


class Security(StrEnum):
    """How the way to the brokers is protected."""

    PLAINTEXT = "plaintext"
    SASL_PLAINTEXT = "sasl_plaintext"
    SASL_SSL = "sasl_ssl"


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes to be a client of a Kafka; `username` and `password` go with SASL alone."""

    servers: str
    """`host:port,host:port`."""
    security: Security = Security.PLAINTEXT
    username: str | None = None
    password: SecretStr | None = None
    ca: str | None = None
    """Certificates to trust in place of the system's, as PEM."""

    def options(self) -> dict[str, Any]:
        """The arguments of any aiokafka client."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.servers,
            "security_protocol": self.security.value.upper(),
        }
        if self.security is Security.SASL_SSL:
            options["ssl_context"] = ssl.create_default_context(cadata=self.ca)
        if self.password is not None:
            options |= {
                "sasl_mechanism": _MECHANISM,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password.get_secret_value(),
            }
        return options


async def unreachable(access: Access, error: Exception) -> KafkaUnreachable:
    """The error to raise after a client could not start: `AccessRefused` if we are not let in.

    aiokafka says only that no broker could be used. So each is asked once
    more, and what it answers is the reason.
    """
    hosts = collect_hosts(access.servers)
    answers = await asyncio.gather(*(_ask(access, host, port) for host, port, _ in hosts))
    for answer in answers:
        if isinstance(answer, SaslAuthenticationFailed):
            return AccessRefused(
                f"Kafka at {access.servers} does not let {access.username} in: {answer}"
            )
    reason = next((answer for answer in answers if answer is not None), error)
    return KafkaUnreachable(
        f"Kafka at {access.servers} does not answer: {str(reason) or type(reason).__name__}"
    )


async def _ask(access: Access, host: str, port: int) -> Exception | None:
    options = access.options()
    del options["bootstrap_servers"]
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            conn = await create_conn(host, port, **options)
            try:
                # A broker that wants SASL hangs up on a first question without it.
                await conn.send(MetadataRequest([]))
            finally:
                conn.close()
    except (KafkaError, OSError) as error:
        return error
    return None
