"""One Kafka node on the jars from Maven Central and the Java runtime from a wheel.

Broker and controller in one process, listening on this machine only. It counts
as started when it says so itself: a probe of the port could reach another
broker. What was acknowledged survives kill -9 of the process.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

from samband_local import pids, ports
from samband_local.jars import kafka_jars
from samband_local.problems import DidNotStart, NotWritable, PortTaken
from samband_local.programs import Launched, untold
from samband_local.wheels import java

START_SECONDS = 60.0
STOP_SECONDS = 20.0
_READY = b"Kafka Server started"

_JVM = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.awt.headless=true",
)


@dataclass(frozen=True)
class KafkaPlan:
    """Where a broker keeps its data and where it listens."""

    folder: Path
    port: int
    controller_port: int
    log: Path
    advertised_port: int | None = None
    """What clients are told to connect to, when something stands in between."""
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Passwords by name. With any, clients prove who they are (SCRAM-SHA-512) and may do what
    access rules allow; the first may do everything."""

    @property
    def servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def properties(self, data: Path) -> dict[str, str]:
        """The broker's configuration, with its data in `data`."""
        protocol = "SASL_PLAINTEXT" if self.users else "PLAINTEXT"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{protocol}://127.0.0.1:{self.port},"
            f"CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"{protocol}://127.0.0.1:{self.advertised_port or self.port}",
            "log.dirs": str(data),
            "auto.create.topics.enable": "false",
            "default.replication.factor": "1",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "10",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "10",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # After kill -9 the new process waits for the old one's session to
            # end: 12 s with the defaults, 5 s with these.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            # The cleaner's default of 128 MB is half of the heap.
            "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
            "log.retention.ms": "-1",
        } | (_guarded(*next(iter(self.users.items()))) if self.users else {})

    @property
    def scram(self) -> list[str]:
        """The users as arguments of the formatting."""
        return [
            word
            for name, password in self.users.items()
            for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]


def _guarded(name: str, password: str) -> dict[str, str]:
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # The controller listens on this machine only, and asks nobody who they are.
        "super.users": f"User:ANONYMOUS;User:{name}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "inter.broker.listener.name": "SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": (
            f'{login} username="{name}" password="{password}";'
        ),
    }


class Kafka:
    """One broker: `start`, `stop`, `kill`, as often as one likes."""

    def __init__(self, plan: KafkaPlan) -> None:
        self.plan = plan
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, launched: Launched = untold) -> subprocess.Popen[bytes]:
        """Fetch, format and start what is needed; return when clients are served.

        Raises a `LocalProblem`.
        """
        jars = kafka_jars()
        for port in (self.plan.port, self.plan.controller_port):
            # Kafka itself notices only after ten seconds.
            ports.fixed(port, "Kafka")
        try:
            self.plan.folder.mkdir(parents=True, exist_ok=True)
            self.plan.log.parent.mkdir(parents=True, exist_ok=True)
            config = self._write_config("server.properties", self.plan.data)
        except OSError as error:
            raise NotWritable(self.plan.folder, error.strerror or "no access") from error
        if not self.plan.data.exists():
            self._format(jars)
        log_start = self.plan.log.stat().st_size if self.plan.log.exists() else 0
        with self.plan.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program and arguments
                self._command(jars, "kafka.Kafka", str(config)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.plan.folder,
                env={**os.environ, **pids.mark(self.plan.folder.parent)},
            )
        self.process = process
        launched(process.pid)
        self._wait_until_ready(process, log_start)
        return process

    def stop(self) -> None:
        """Stop cleanly; kill if that takes too long."""
        self._signal_and_wait(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9, as a crash would: for tests."""
        self._signal_and_wait(signal.SIGKILL)

    def _signal_and_wait(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)

    def _write_config(self, name: str, data: Path) -> Path:
        config = self.plan.folder / name
        lines = [f"{name}={value}\n" for name, value in self.plan.properties(data).items()]
        config.write_text("".join(lines))
        with as_file(files("samband_local").joinpath("log4j2.yaml")) as source:
            (self.plan.folder / "log4j2.yaml").write_text(source.read_text())
        return config

    def _command(self, jars: list[Path], *arguments: str) -> list[str]:
        return [
            str(java()),
            *_JVM,
            f"-Dlog4j2.configurationFile={self.plan.folder / 'log4j2.yaml'}",
            f"-Dkafka.logs.dir={self.plan.log.parent}",
            "-cp",
            ":".join(str(jar) for jar in jars),
            *arguments,
        ]

    def _format(self, jars: list[Path]) -> None:
        # Under another name until it is complete: a half-made one would never start.
        half_made = self.plan.folder / "data.new"
        shutil.rmtree(half_made, ignore_errors=True)
        config = self._write_config("format.properties", half_made)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        # A leading "-" would be read as an option.
        cluster = cluster.replace("-", "a", 1) if cluster.startswith("-") else cluster
        done = subprocess.run(  # noqa: S603 - our own program and arguments
            self._command(
                jars,
                "kafka.tools.StorageTool",
                "format",
                "-t",
                cluster,
                "-c",
                str(config),
                *self.plan.scram,
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            with self.plan.log.open("a") as log:
                log.write(done.stdout + done.stderr)
            reason = (done.stderr.strip() or done.stdout.strip() or "format failed").splitlines()
            raise DidNotStart("Kafka", reason[-1], self.plan.log)
        config.unlink()
        half_made.replace(self.plan.data)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], log_start: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            ended = process.poll() is not None
            said = self._said_since(log_start)
            if _READY in said:
                return
            if ended:
                self.process = None
                if b"Address already in use" in said:
                    raise PortTaken(self.plan.port, "Kafka")
                lines = said.decode(errors="replace").strip().splitlines() or ["it said nothing"]
                raise DidNotStart("Kafka", lines[-1], self.plan.log)
            time.sleep(0.05)
        self.kill()
        raise DidNotStart("Kafka", f"not ready after {START_SECONDS:.0f} s", self.plan.log)

    def _said_since(self, offset: int) -> bytes:
        with contextlib.suppress(OSError), self.plan.log.open("rb") as log:
            log.seek(offset)
            return log.read()
        return b""
