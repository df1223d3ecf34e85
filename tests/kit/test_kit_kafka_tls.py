"""The way to Kafka over TLS: who signed its certificate decides."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from samband_kit.kafka import Access, Administration, KafkaUnreachable, Security
from samband_kit.settings import KafkaSettings
from samband_local.kafka import Kafka, KafkaPlan
from samband_local.ports import free_ports
from samband_local.wheels import java

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "only-for-tests"


@dataclass(frozen=True)
class TlsPlan(KafkaPlan):
    """A guarded broker that speaks TLS alone, with a certificate that it signed itself."""

    @property
    def store(self) -> Path:
        return self.folder / "store.p12"

    def properties(self, data: Path) -> dict[str, str]:
        guarded = {
            name.replace("sasl_plaintext", "sasl_ssl"): value.replace("SASL_PLAINTEXT", "SASL_SSL")
            for name, value in super().properties(data).items()
        }
        stores = {
            f"ssl.{store}.{what}": value
            for store in ("keystore", "truststore")
            for what, value in (("location", str(self.store)), ("password", PASSWORD))
        }
        return guarded | stores

    def make_certificate(self) -> str:
        """Make the store; returns the certificate as PEM."""
        self.folder.mkdir(parents=True)
        more = "-alias kafka -keyalg EC -dname CN=127.0.0.1 -ext SAN=ip:127.0.0.1 -ext bc=ca:true"
        self._keytool("-genkeypair", *more.split())
        return self._keytool("-exportcert", "-rfc", "-alias", "kafka")

    def _keytool(self, *words: str) -> str:
        command = [str(java().with_name("keytool")), *words, "-keystore", str(self.store)]
        command += ["-storepass", PASSWORD, "-storetype", "PKCS12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class Reached:
    """A running broker, and the certificate that it shows."""

    servers: str
    certificate: str

    @property
    def access(self) -> Access:
        return Access(
            self.servers, Security.SASL_SSL, "admin", SecretStr(PASSWORD), self.certificate
        )


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    folder = tmp_path_factory.mktemp("tls")
    port, controller_port = free_ports(2)
    plan = TlsPlan(
        folder / "kafka", port, controller_port, folder / "kafka.log", users={"admin": PASSWORD}
    )
    certificate = plan.make_certificate()
    broker = Kafka(plan)
    broker.start()
    yield Reached(plan.servers, certificate)
    broker.stop()


async def test_a_certificate_from_a_file_is_trusted(
    kafka: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text(kafka.certificate)
    monkeypatch.setenv("SAMBAND_KAFKA_SERVERS", kafka.servers)
    monkeypatch.setenv("SAMBAND_KAFKA_SECURITY", "sasl_ssl")
    monkeypatch.setenv("SAMBAND_KAFKA_USERNAME", "admin")
    monkeypatch.setenv("SAMBAND_KAFKA_PASSWORD", PASSWORD)
    monkeypatch.setenv("SAMBAND_KAFKA_CA_FILE", str(tmp_path / "ca.pem"))
    async with Administration(KafkaSettings.read().kafka) as admin:
        assert await admin.brokers() == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(kafka: Reached) -> None:
    with pytest.raises(KafkaUnreachable, match="certificate verify failed"):
        async with Administration(replace(kafka.access, ca=None)):
            pass


async def test_a_certificate_for_another_name_is_refused(kafka: Reached) -> None:
    elsewhere = kafka.servers.replace("127.0.0.1", "localhost")
    with pytest.raises(KafkaUnreachable, match="certificate is not valid for 'localhost'"):
        async with Administration(replace(kafka.access, servers=elsewhere)):
            pass
