"""The tenant on the wire: one ASGI application, with Starlette beside it for ``/_emulator``."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount

from airflow_provider_auth0link.emulator.answers import Answer
from airflow_provider_auth0link.emulator.control import control_routes
from airflow_provider_auth0link.emulator.faults import Fault, struck
from airflow_provider_auth0link.emulator.records import RequestRecord
from airflow_provider_auth0link.emulator.routes import DOWNLOAD, TOKEN, route_of

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from airflow_provider_auth0link.emulator.tenant import Tenant

TransportOf = Callable[[tuple[str, int]], asyncio.Transport | None]
"""From a client's address to its connection, which faults cut."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
PART = 1 << 16
"""Bytes of a body that are handed to a connection at once."""
LONGEST_GOODBYE = 5.0
"""Seconds to wait until a connection that was cut is known to be gone."""


def application(tenant: Tenant, transport_of: TransportOf) -> Starlette:
    """Build the application of a tenant."""
    return Starlette(
        routes=[
            Mount("/_emulator", routes=control_routes(tenant)),
            Mount("/", app=Wire(tenant, transport_of)),
        ]
    )


class Wire:
    """Reads requests, lets faults strike, sends answers."""

    def __init__(self, tenant: Tenant, transport_of: TransportOf) -> None:
        self.tenant = tenant
        self.transport_of = transport_of
        self._chance = random.Random(1)  # noqa: S311 - delays, the same in every run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = await _read(scope, receive)
        self.tenant.log.add(request)
        # The server ends, having cut all connections: there is nobody left to tell.
        with contextlib.suppress(asyncio.CancelledError):
            await self._serve(Exchange(self.tenant, self.transport_of, request, scope, receive, send))

    def _latency(self) -> float:
        options = self.tenant.options
        tail = self._chance.expovariate(1 / options.latency_tail) if options.latency_tail else 0.0
        return options.latency + tail

    async def _serve(self, exchange: Exchange) -> None:
        half = self._latency() / 2
        if half:
            await asyncio.sleep(half)
        exchange.request.at = self.tenant.now()
        reply = await exchange.reply()
        if half:
            await asyncio.sleep(half)
        self.tenant.log.note(exchange.request)
        if reply is not None:
            await exchange.send_whole(reply)


@dataclass(slots=True)
class Exchange:
    """One request on its way through the tenant."""

    tenant: Tenant
    transport_of: TransportOf
    request: RequestRecord
    scope: Scope
    receive: Receive
    send: Send

    async def reply(self) -> Answer | None:
        """Return what is to be sent whole, or None when a fault has dealt with it."""
        request, tenant = self.request, self.tenant
        verdict = tenant.admit(request)
        headers = tenant.rate_headers(verdict) if verdict is not None else ()
        if verdict is not None and not verdict.allowed:
            return self._told(tenant.refused(verdict).with_headers(*headers))
        fault = tenant.faults.draw(request.route, request.method, request.path)
        if fault is None:
            return self._told(tenant.respond(request).with_headers(*headers))
        request.fault = fault.kind
        if fault.before and not await self._strike_before(fault):
            return self._instead(fault)
        said = self._told(tenant.respond(request).with_headers(*headers))
        return said if fault.before else await self._strike_after(fault, said)

    def _told(self, said: Answer) -> Answer:
        request = self.request
        request.status = request.outcome = said.status
        request.fault = said.fault or request.fault
        if request.operation is not DOWNLOAD:  # many requests are remembered; one file is enough
            request.answer = said.body
        return said

    async def _strike_before(self, fault: Fault) -> bool:
        """Tell whether the work is done nevertheless."""
        if fault.kind == "reset_before":
            await self._cut(graceful=fault.graceful)
        if fault.kind != "slow_before":
            return False
        if fault.late:
            await asyncio.sleep(fault.delay)
            return True
        return not await self._left(fault.delay)

    def _instead(self, fault: Fault) -> Answer | None:
        if fault.kind not in {"status_before", "status_after", "rate_limited"}:
            return None
        said = struck(fault, self.tenant.now(), is_token=self.request.operation is TOKEN)
        self.request.status = said.status
        return said

    async def _strike_after(self, fault: Fault, said: Answer) -> Answer | None:
        self.request.status = 0
        if fault.kind == "reset_after":
            await self._cut(graceful=fault.graceful)
        elif fault.kind == "truncated":
            await self._send_some(said, fault.after)
        elif fault.kind == "cut_json":
            self.request.status = said.status
            return replace(said, body=said.body[: len(said.body) // 2])
        elif fault.kind == "slow_after":
            if await self._left(fault.delay):
                return None
            self.request.status = said.status
            return said
        return self._instead(fault)

    async def send_whole(self, said: Answer) -> None:
        """Send an answer."""
        await self._start(said)
        await self._send_parts(said.body, more=False)

    async def _send_parts(self, body: bytes, *, more: bool) -> None:
        for start in range(0, max(1, len(body)), PART):
            part = body[start : start + PART]
            more_body = more or start + PART < len(body)
            await self.send({"type": "http.response.body", "body": part, "more_body": more_body})

    async def _start(self, said: Answer) -> None:
        headers = {"date": self.tenant.date(), **dict(said.headers)}
        if said.status != 204:  # noqa: PLR2004 - an HTTP status
            headers |= {"content-type": said.content_type, "content-length": str(len(said.body))}
        self.request.answer_headers = headers
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": said.status, "headers": raw})

    async def _send_some(self, said: Answer, size: int | None) -> None:
        if not said.body:  # nothing to cut
            await self._cut(graceful=True)
            return
        await self._start(said)
        await self._send_parts(said.body[: len(said.body) // 2 if size is None else size], more=True)
        await self._cut(graceful=True)

    async def _cut(self, *, graceful: bool) -> None:
        transport = self.transport_of(self.scope["client"])
        if transport is None:
            return
        if graceful:
            transport.close()
        else:
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            transport.abort()
        await self._left(LONGEST_GOODBYE)

    async def _left(self, seconds: float) -> bool:
        """Wait, and tell whether the client left meanwhile."""
        try:
            await asyncio.wait_for(self._goodbye(), seconds)
        except TimeoutError:
            return False
        return True

    async def _goodbye(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def _read(scope: Scope, receive: Receive) -> RequestRecord:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    path = scope["raw_path"].decode("ascii")
    route, args = route_of(scope["method"], path)
    return RequestRecord(
        method=scope["method"],
        path=path,
        query=scope["query_string"].decode("latin-1"),
        raw_headers=list(scope["headers"]),
        raw_body=b"".join(parts),
        operation=route,
        args=args,
    )
