"""HTTP server: uvicorn as a component, with limits and without signal handlers of its own."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from samband_kit.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

log = get_logger(__name__)

# The last resort, without a page: pages and API refuse far fewer by themselves.
_CONNECTIONS = 1000
_KEEP_ALIVE_SECONDS = 15
_BACKLOG = 2048


class PortTaken(Exception):
    """Another program listens where we should; the message names address and setting."""


class HttpServer:
    """Serves one ASGI application; the port is taken when the component is made."""

    def __init__(
        self, name: str, app: Any, *, host: str, port: int, setting: str, stop_timeout: float
    ) -> None:
        self._name = name
        self._stop_timeout = stop_timeout
        self._socket = _listen(host, port, setting)
        bound = self._socket.getsockname()
        place = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        self.address = f"http://{place}:{bound[1]}"
        self._server = _Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=_CONNECTIONS,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(int(stop_timeout * 0.7), 1),
            )
        )

    @property
    def name(self) -> str:
        return self._name

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then finish the requests that have begun."""
        log.info("listening", server=self._name, address=self.address)
        serving = asyncio.ensure_future(self._server.serve(sockets=[self._socket]))
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            self._server.should_exit = True
            await serving
        finally:
            stopped.cancel()
            serving.cancel()
            self._socket.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The process decides about signals, for all its parts at once.
        yield


def _listen(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # Until here another program could still take the port; and who asks
        # from now on waits for the answer instead of being refused.
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise PortTaken(
                f"{host}:{port} cannot be used ({error.strerror}); change {setting}."
            ) from error
        raise
    listening.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return listening
