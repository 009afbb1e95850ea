"""The thread that serves a tenant: uvicorn on a loopback socket, stopped without a trace."""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
import socket
import threading
from typing import TYPE_CHECKING, Literal

import uvicorn

from airflow_provider_auth0link.emulator.app import application

if TYPE_CHECKING:
    from airflow_provider_auth0link.emulator.tenant import Tenant

BACKLOG = 512
KEEP_ALIVE = 75
"""Seconds that an idle connection stays open."""
Parser = Literal["httptools", "h11"]

LONGEST_START = 30.0
"""Seconds that the thread may take until it listens: a machine under load is slow, not broken."""


def loopback(host: str) -> str:
    """
    Return a host when it is this machine's own.

    :raises ValueError: for any other: the tenant's secrets are no secrets
    """
    try:
        is_own = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host).is_loopback
    except ValueError:
        is_own = False
    if not is_own:
        raise ValueError(f"host: {host!r} is not a loopback address. The emulator serves this machine only")
    return host


def listening(host: str, port: int) -> tuple[socket.socket, str]:
    """
    Listen.

    :return: the socket, and the URL that leads to it
    :raises OSError: when the port is taken
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # asyncio does this only for sockets that name their protocol; without it an answer waits 40 ms for an ACK
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    shown = f"[{host}]" if ":" in host else host
    return sock, f"http://{shown}:{sock.getsockname()[1]}"


class Listener:
    """
    Serves a tenant in a thread.

    :param tenant: whom
    :param sock: a listening socket; closed on stop
    :param parser: of HTTP; the faster one that is installed, when not given
    """

    def __init__(self, tenant: Tenant, sock: socket.socket, parser: Parser | None = None) -> None:
        self._server = _Server(tenant, parser or _fastest())
        self._sock = sock
        self._thread = threading.Thread(
            target=self._server.run, args=([sock],), name="auth0-emulator", daemon=True
        )

    def start(self) -> None:
        """Start, and return when requests are answered."""
        self._thread.start()
        if not self._server.ready.wait(LONGEST_START):
            raise RuntimeError("the emulator's thread did not start")

    def stop(self) -> None:
        """Cut what is still going on, and return when thread and sockets are gone."""
        self._server.stop()
        self._thread.join()
        self._sock.close()


class _Server(uvicorn.Server):
    """uvicorn's server, woken instead of polled, and not waiting for clients when it stops."""

    def __init__(self, tenant: Tenant, parser: Parser) -> None:
        super().__init__(
            uvicorn.Config(
                application(tenant, self.transport_of),
                http=parser,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE,
            )
        )
        self.ready = threading.Event()

    async def main_loop(self) -> None:
        """Wait for the end."""
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self.ready.set()
        await self._end.wait()

    def stop(self) -> None:
        """End, from another thread."""
        self._loop.call_soon_threadsafe(self._end.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections and end what serves them."""
        del sockets
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()

    def transport_of(self, client: tuple[str, int]) -> asyncio.Transport | None:
        """Find the connection of a client."""
        for connection in self.server_state.connections:
            if getattr(connection, "client", None) == client:
                return connection.transport
        return None


def _fastest() -> Parser:
    return "httptools" if importlib.util.find_spec("httptools") else "h11"
