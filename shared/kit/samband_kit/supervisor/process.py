"""Process: one running process of a service, from its start to its last commit.

It answers on its operations port first, waits for Postgres and a migrated
schema, then runs the components of its kinds. On SIGTERM all of them stop
taking work, finish and commit what they have begun, and release what they
hold. A component that fails ends the process with 70.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import prometheus_client

from samband_kit import database, failpoints, pulse, tracing
from samband_kit.consumer import failures
from samband_kit.consumer.consumers import Consumers
from samband_kit.consumer.retries import Retries
from samband_kit.health import Readiness, operations_app
from samband_kit.logs import configure_logs, get_logger
from samband_kit.metrics import ConsumeMetrics, kinds_at_work, process_registry
from samband_kit.outages import POSTGRES_AWAY
from samband_kit.pauses import Stopped, pause, unless
from samband_kit.relay import Relay
from samband_kit.retention import RETENTION
from samband_kit.service import Component, Kind, Runtime, Service
from samband_kit.supervisor.http_server import HttpServer
from samband_kit.supervisor.jobs import Jobs
from samband_kit.supervisor.memory import Memory
from samband_kit.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from samband_kit.database import Pool
    from samband_kit.settings import Settings

log = get_logger(__name__)

UNHEALTHY = 70
"""Exit code of a process that its supervisor should start again."""

_LONGEST_PAUSE = 10.0
_CLOSE_SECONDS = 3.0
_CONNECTIONS = {Kind.SERVE: 10, Kind.CONSUME: 3, Kind.SEND: 5}


class Process:
    """A process of some kinds of a service; `run` once."""

    def __init__(self, service: Service, settings: Settings, kinds: Iterable[Kind]) -> None:
        """Take the operations port.

        Raises:
            PortTaken: the message names the setting to change.
        """
        self.service = service
        self.settings = settings
        self.kinds = frozenset(kinds)
        self.registry = process_registry()
        self.web: HttpServer | None = None
        self._at_work = kinds_at_work(self.registry)
        for kind in self.kinds:
            self._at_work.labels(kind.value)
        self._readiness = Readiness(service.package)
        self._app = operations_app(self._readiness, self.registry)
        self.operations = self._server("operations", self._app, settings.ops_port, "OPS_PORT")

    async def run(self, stop: asyncio.Event, on_running: Callable[[], None] = lambda: None) -> int:
        """Run until `stop` or until a component fails; the exit code.

        `on_running` is called when all components have been started.
        """
        ended = asyncio.Event()
        operations = asyncio.create_task(self.operations.run(ended), name="operations")
        try:
            pool = await self._open_pool(stop)
            if pool is None:
                return 0
            try:
                if not await self._wait_for_schema(stop):
                    return 0
                code = await self._run_components(pool, operations, stop, on_running)
            finally:
                await _close(pool)
        finally:
            ended.set()
            await asyncio.wait({operations}, timeout=_CLOSE_SECONDS)
        log.info("stopped", exit_code=code)
        return code

    async def _run_components(
        self,
        pool: Pool,
        operations: asyncio.Task[None],
        stop: asyncio.Event,
        on_running: Callable[[], None],
    ) -> int:
        components = self._components(pool)
        self._readiness.started = True
        running = {
            asyncio.create_task(component.run(stop), name=component.name)
            for component in components
        }
        stopped = asyncio.create_task(stop.wait(), name="stop")
        for kind in self.kinds:
            self._at_work.labels(kind.value).set(1)
        log.info("running", components=[component.name for component in components])
        on_running()
        await asyncio.wait({*running, operations, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        code = 0
        if not stop.is_set():
            code = UNHEALTHY
            ended = [task.get_name() for task in (*running, operations) if task.done()]
            log.critical("a component ended though nobody stopped it", components=ended)
        stop.set()
        self._readiness.stopping = True
        log.info("stopping")
        _, late = await asyncio.wait(running, timeout=self.settings.stop_timeout)
        for task in late:
            log.error("a component did not stop in time", component=task.get_name())
            task.cancel()
            code = UNHEALTHY
        if late:
            await asyncio.wait(late, timeout=_CLOSE_SECONDS)
        for task in running - late:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                code = UNHEALTHY
                log.critical("a component failed", component=task.get_name(), exc_info=error)
        return code

    def _components(self, pool: Pool) -> list[Component]:
        runtime = Runtime(self.service, self.settings, pool, self.registry)
        components: list[Component] = [Memory()]
        if Kind.SERVE in self.kinds and self.service.web is not None:
            app = self.service.web(runtime)
            self._app.state.web = app
            self.web = self._server("web", app, self.settings.port, "PORT")
            components.append(self.web)
        if Kind.CONSUME in self.kinds:
            components.append(Relay(self.settings, pool, self.registry))
            components.extend(_consuming(runtime))
            components.append(
                Jobs(runtime, (RETENTION, *pulse.jobs(self.service), *self.service.jobs))
            )
        if Kind.SEND in self.kinds and self.service.senders is not None:
            components.append(self.service.senders(runtime))
        return components

    def _server(self, name: str, app: object, port: int, setting: str) -> HttpServer:
        return HttpServer(
            name,
            app,
            host=self.settings.host,
            port=port,
            setting=f"SAMBAND_{setting}",
            stop_timeout=self.settings.stop_timeout,
        )

    async def _open_pool(self, stop: asyncio.Event) -> Pool | None:
        size = pool_size(self.service, self.kinds)
        attempt = 0
        while not stop.is_set():
            try:
                pool = await unless(stop, database.open_pool(self.settings, max_size=size))
            except Stopped:
                break
            except POSTGRES_AWAY as error:
                attempt += 1
                log.warning("Postgres cannot be reached", error=failures.summary(error))
                await pause(failures.delay(attempt, first=0.5, longest=_LONGEST_PAUSE), stop)
            else:
                self._readiness.connected(self.settings)
                return pool
        return None

    async def _wait_for_schema(self, stop: asyncio.Event) -> bool:
        attempt = 0
        while not stop.is_set():
            obstacle = await self._readiness.obstacle()
            if obstacle is None:
                return True
            attempt += 1
            log.warning("waiting", obstacle=obstacle)
            await pause(failures.delay(attempt, first=0.5, longest=_LONGEST_PAUSE), stop)
        return False


def pool_size(service: Service, kinds: Iterable[Kind]) -> int:
    """How many connections the pool of such a process may open."""
    wanted = frozenset(kinds)
    reading = len(service.reactions) if Kind.CONSUME in wanted else 0
    return sum(_CONNECTIONS[kind] for kind in wanted) + reading


def run_process(service: Service, settings: Settings, kinds: Iterable[Kind]) -> int:
    """Run a process until a signal ends it; the exit code.

    Raises:
        PortTaken: nothing was started.
    """
    configure_logs(service.name, level=settings.log_level, form=settings.log_format)
    failpoints.arm(settings.failpoints)
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # has no types
    process = Process(service, settings, kinds)

    async def until_signal() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Windows has no such handlers: there Ctrl-C raises KeyboardInterrupt.
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, stop.set)
        return await process.run(stop, _spare_the_collector)

    tracing.start(service.name, settings)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(until_signal())
    finally:
        tracing.stop()


def _consuming(runtime: Runtime) -> list[Component]:
    reactions = runtime.service.reactions
    if not reactions:
        return []
    metrics = ConsumeMetrics(runtime.registry)
    retries = Retries(runtime.pool, reactions, metrics)
    consumers = Consumers(runtime, reactions, metrics, retries)
    return [consumers, retries, Watchdog(runtime, consumers, metrics)]


def _spare_the_collector() -> None:
    # What is loaded by now stays until the end. Collecting less often, and not
    # through all of that, takes a third off the time that a record costs.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    # Does not exist on Windows.
    import uvloop

    return uvloop.new_event_loop


async def _close(pool: Pool) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except POSTGRES_AWAY:
        pool.terminate()
