"""The whole system: everything that `samband up` starts, as one object.

    with running(Path("/tmp/try")) as stack:
        httpx.get(stack.url)
        stack.kill("kafka")          # as a crash: it is started again
        stack.stop("networks")       # stays down until stack.start("networks")

Programs by name: postgres, kafka, mailbox, gateway, registration, networks,
notifications. No process survives the end of the `with`; if this process is
killed, the next one on the same folder ends what it left.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

from samband_local import gateway, memory, pids, ports, preparation, services
from samband_local.jars import kafka_jars
from samband_local.kafka import Kafka, KafkaPlan
from samband_local.mails import process as mailbox
from samband_local.place import Place, read_json, write_json
from samband_local.postgres import Postgres
from samband_local.preparation import Command, prepare
from samband_local.problems import DidNotStart
from samband_local.programs import Program, answers
from samband_local.report import link_in
from samband_local.services import NAMES, Addresses
from samband_local.supervisor import Kept, stop_all, undisturbed

# Never asked for, but nicer to type than a random one.
_FIRST_CHOICE = {"gateway": 8080, "mailbox": 8025}
_PAGE_SECONDS = 180.0
# Whose pages come first.
_PAGES = "registration"


class Stack:
    """Made by `running`; the launcher's lock is held around it."""

    def __init__(
        self,
        place: Place,
        *,
        fixed_ports: Mapping[str, int] | None = None,
        careless: bool = False,
        extra: Mapping[str, str] | None = None,
        progress: Callable[[str], None] = lambda _: None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`extra` is added to the services' environment, `careless` is for tests.

        `progress` is told what is being done, `tell` what went wrong later.
        """
        self.place = place
        self.page_seconds: float | None = None
        self.ready_seconds: float | None = None
        self._summary: dict[str, object] | None = None
        self._extra = dict(extra or {})
        self._progress = progress
        self._changing = threading.Lock()
        self._tell = tell
        names = [field.name for field in fields(Addresses)]
        # What is thrown away must not take the ports that people know.
        last = ({} if careless else _FIRST_CHOICE) | read_json(place.ports)
        chosen = ports.choose(names, fix=fixed_ports or {}, last=last)
        self.addresses = Addresses(**chosen)
        write_json(place.ports, chosen)
        self.postgres = Postgres(services.postgres_plan(place, self.addresses, careless=careless))
        self.kafka = Kafka(
            KafkaPlan(
                place.kafka,
                self.addresses.kafka,
                self.addresses.kafka_controller,
                place.log("kafka"),
            )
        )
        self.environments = {
            name: services.environment(name, place, self.addresses, self._extra) for name in NAMES
        }
        programs: dict[str, Program] = {
            "postgres": self.postgres,
            "kafka": self.kafka,
            "mailbox": mailbox.process(place, self.addresses),
            "gateway": gateway.process(place, self.addresses),
            **{name: services.process(name, place, self.addresses, self._extra) for name in NAMES},
        }
        self.kept = {
            name: Kept(name, program, pid_folder=place.pids, changed=self._note, tell=tell)
            for name, program in programs.items()
        }

    @property
    def url(self) -> str:
        """The one address for people."""
        return self.addresses.url

    @property
    def mailbox_url(self) -> str:
        return self.addresses.mailbox_url

    @property
    def kafka_servers(self) -> str:
        return self.addresses.kafka_servers

    def postgres_url(self, role: str = "postgres") -> str:
        """The database, as the administrator or as a service."""
        if role == "postgres":
            return self.postgres.plan.url(database=services.DATABASE)
        return (self.place.secrets / f"{role}_database_url").read_text()

    def staff_link(self) -> str:
        """A fresh link that signs staff in once."""
        return link_in(
            services.run_or_refuse(
                "registration", self.place, self.environments["registration"], "sign-in-link"
            ),
            self.place,
        )

    def summary(self) -> dict[str, object]:
        """What a person wants to know once it runs; other processes can read it from then on."""
        weights = {}
        link = self.staff_link()
        for name in ("kafka", *NAMES):
            pid = self.kept[name].pid
            weight = memory.footprint(pid) if pid else None
            if weight is not None:
                weights[name] = asdict(weight)
        self._summary = {
            "url": self.url,
            "mailbox_url": self.mailbox_url,
            "staff_link": link,
            "page_seconds": round(self.page_seconds or 0, 1),
            "ready_seconds": round(self.ready_seconds or 0, 1),
            "memory": weights,
        }
        self._note()
        return self._summary

    def command(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of a service's own commands, e.g. `("networks", "parked", "list")`."""
        return services.run(service, self.place, self.environments[service], *arguments)

    def kill(self, name: str) -> None:
        """kill -9 a program; it is started again like after any crash."""
        self.kept[name].kill()

    def stop(self, name: str) -> None:
        """Stop a program until `start`."""
        self.kept[name].stop()

    def start(self, name: str) -> None:
        self.kept[name].start()

    def restart(self, name: str) -> None:
        self.kept[name].restart()

    def bring_up(self, *, since: float | None = None) -> None:
        """Start everything in order; return when the first page is served.

        `since` is the time (`time.time()`) from which `page_seconds` counts.
        Raises a `LocalProblem`; the caller then calls `shut_down`.
        """
        began = time.time() if since is None else since
        kafka_jars(progress=self._progress)
        self._progress("Starting PostgreSQL and Kafka")
        for name in ("postgres", "kafka", "mailbox", "gateway"):
            self.kept[name].begin()
        self.kept["postgres"].ready()
        preparation.make_roles(self.place, self.addresses)
        self._prepare("migrate", "Applying migrations")
        self._prepare("load-register", "Loading the register of municipalities")
        self._progress("Starting the services")
        if not preparation.due("topics", self.place):
            # Pages need no Kafka: who waits for them need not wait for it.
            self._serve_pages(began)
        self.kept["kafka"].ready()
        self._prepare("topics", "Creating topics")
        for name in NAMES:
            if name != _PAGES:
                self.kept[name].begin()
        if self.page_seconds is None:
            self._serve_pages(began)
        for kept in self.kept.values():
            kept.ready()
        self.ready_seconds = time.time() - began
        services.run_or_refuse(
            "registration", self.place, self.environments["registration"], "open-call", "--if-none"
        )
        self._note()

    def shut_down(self) -> None:
        """Stop everything, those that use others first."""
        order = (("gateway", *NAMES), ("mailbox", "kafka"), ("postgres",))
        stop_all([[self.kept[name] for name in group] for group in order])

    def _serve_pages(self, began: float) -> None:
        self.kept[_PAGES].start()
        self.kept["gateway"].ready()
        while not answers(f"{self.url}/", seconds=10):
            if time.time() - began > _PAGE_SECONDS:
                raise DidNotStart("The start page", "it does not answer", self.place.logs)
            time.sleep(0.05)
        self.page_seconds = time.time() - began

    def _prepare(self, command: Command, words: str) -> None:
        prepare(command, self.place, self.environments, due_now=partial(self._progress, words))

    def _note(self) -> None:
        """Write down for other processes what runs now."""
        with self._changing:
            write_json(
                self.place.state,
                {
                    "launcher": os.getpid(),
                    "url": self.url,
                    "mailbox_url": self.mailbox_url,
                    "kafka_servers": self.kafka_servers,
                    "ports": asdict(self.addresses),
                    **({"summary": self._summary} if self._summary else {}),
                    "programs": {
                        name: {
                            "state": kept.state.value,
                            "pid": kept.pid,
                            "restarts": kept.restarts,
                            "log": str(self.place.log(name)),
                        }
                        for name, kept in self.kept.items()
                    },
                },
            )


@contextmanager
def running(
    root: Path,
    *,
    fixed_ports: Mapping[str, int] | None = None,
    fresh: bool = False,
    careless: bool = False,
    extra: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
    since: float | None = None,
    needed_mb: int = memory.NEEDED_MB,
) -> Iterator[Stack]:
    """Start everything with its data in `root`; stop it when the `with` ends.

    `fixed_ports` by the names in `services.Addresses`; `fresh` throws away
    what an earlier run kept. Raises a `LocalProblem` with nothing left running.
    """
    place = Place(root.absolute())
    memory.check(needed_mb)
    place.make()
    with place.owned():
        if fresh:
            place.remove(but_logs=True)
            place.make()
        pids.record(place.pids, "launcher", os.getpid())
        place.state.unlink(missing_ok=True)
        try:
            stack = Stack(
                place,
                fixed_ports=fixed_ports,
                careless=careless,
                extra=extra,
                progress=progress,
                tell=tell,
            )
            try:
                stack.bring_up(since=since)
                yield stack
            finally:
                with undisturbed():
                    stack.shut_down()
        finally:
            place.state.unlink(missing_ok=True)
            pids.forget(place.pids, "launcher")
