"""Logs: one JSON object per line on stdout, with service and correlation.

Lines of our own code (structlog) and of libraries (logging) come out alike.
They carry ids, never names, addresses or what people wrote: whoever logs
passes ids. Line breaks inside values are escaped by the format, so nobody can
forge a line.
"""

import logging
import sys
import time
from typing import Any, Literal, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from samband_kit import correlation

_REPEAT_SECONDS = 30.0

# These say at INFO what we say ourselves, or repeat themselves during an outage.
_QUIET = {
    "aiokafka": logging.WARNING,
    "faststream": logging.WARNING,
    "samband_kit.faststream": logging.ERROR,
    "opentelemetry": logging.WARNING,
    "uvicorn": logging.WARNING,
    "urllib3": logging.ERROR,
    "asyncio": logging.WARNING,
}


class _Repeats(logging.Filter):
    """Lets the same message of a library through once in a while.

    During an outage aiokafka says the same ten times a second and consumer, and
    the exporter of traces with every batch of spans.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(("aiokafka", "opentelemetry")):
            return True
        now = time.monotonic()
        if now - self._said.get(str(record.msg), -self._seconds) < self._seconds:
            return False
        self._said[str(record.msg)] = now
        return True


def configure_logs(
    service: str,
    *,
    level: str = "INFO",
    form: Literal["json", "console"] = "json",
    stream: TextIO | None = None,
) -> None:
    """Send every log line of this process to `stream`, else to stdout, in `form`.

    Called once, first thing in a process; a second call replaces the first.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _add_correlation,
        _add_service(service),
    ]
    target = stream or sys.stdout
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=target.isatty())
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(_Repeats(_REPEAT_SECONDS))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _add_correlation(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    running = correlation.current()
    if running is not None:
        line.setdefault("correlation_id", str(running.correlation_id))
        if running.causation_id is not None:
            line.setdefault("causation_id", str(running.causation_id))
        if running.traceparent is not None:
            line.setdefault("trace_id", running.traceparent.split("-")[1])
    return line


def _add_service(service: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        line["service"] = service
        return line

    return add


def get_logger(name: str) -> Any:
    """A structlog logger; `log.info("what happened", registration_id=…)`."""
    return structlog.stdlib.get_logger(name)
