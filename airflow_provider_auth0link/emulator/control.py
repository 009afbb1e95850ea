"""``/_emulator``: the tenant's switches over HTTP, for tests whose tenant runs in another process."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_auth0link.emulator.answers import answer, utf8
from airflow_provider_auth0link.emulator.connection import connection_json
from airflow_provider_auth0link.emulator.export import ndjson
from airflow_provider_auth0link.emulator.tokens import USER_SCOPE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from airflow_provider_auth0link.emulator.tenant import Tenant


def control_routes(tenant: Tenant) -> list[Route]:
    """Return the routes below ``/_emulator``."""
    switches = Switches(tenant)
    routes = [
        Route("/faults", switches.faults, methods=["GET"]),
        Route("/faults", switches.add_fault, methods=["POST"]),
        Route("/faults", switches.clear_faults, methods=["DELETE"]),
        Route("/reset", switches.reset, methods=["POST"]),
        Route("/requests", switches.requests, methods=["GET"]),
        Route("/requests", switches.clear_requests, methods=["DELETE"]),
        Route("/links", switches.links, methods=["GET"]),
        Route("/tokens/revoke", switches.revoke, methods=["POST"]),
        Route("/tokens/id", switches.id_token, methods=["POST"]),
        Route("/tokens/user", switches.user_token, methods=["POST"]),
        Route("/connection", switches.connection, methods=["GET"]),
        Route("/export", switches.export, methods=["GET"]),
        Route("/state", switches.state, methods=["GET"]),
    ]
    for route in routes:
        route.app = ForThisMachine(route.app)
    return routes


class ForThisMachine:
    """
    Lets requests pass that name this machine as their host.

    A page in a browser here may have its own name resolve to this machine, and would read all users.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or answer 403."""
        if _is_own(Headers(scope=scope).get("host", "")):
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse("Host: not this machine", 403)(scope, receive, send)


def _is_own(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _json(payload: object) -> Response:
    return Response(answer(payload).body, media_type="application/json")


class Switches:
    """One method a route."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    async def faults(self, request: Request) -> Response:
        """What is armed."""
        del request
        return _json(self.tenant.faults.armed())

    async def add_fault(self, request: Request) -> Response:
        """Arm a fault: ``{"kind": "reset_after", "route": "link", "count": 1}``."""
        try:
            self.tenant.faults.add(**await request.json())
        except (TypeError, ValueError) as error:
            return PlainTextResponse(str(error), 400)
        return Response(status_code=204)

    async def clear_faults(self, request: Request) -> Response:
        """Disarm all."""
        del request
        self.tenant.faults.clear()
        return Response(status_code=204)

    async def reset(self, request: Request) -> Response:
        """Return to the start."""
        del request
        await asyncio.to_thread(self.tenant.reset)
        return Response(status_code=204)

    async def requests(self, request: Request) -> Response:
        """The requests remembered, all counts, and statuses."""
        del request
        log = self.tenant.log
        return _json(
            {
                "counts": dict(log.counts),
                "statuses": dict(log.statuses),
                "requests": [each.as_json() for each in log.all()],
            }
        )

    async def clear_requests(self, request: Request) -> Response:
        """Forget them."""
        del request
        self.tenant.log.clear()
        return Response(status_code=204)

    async def links(self, request: Request) -> Response:
        """How often each link was really applied: rows of primary, secondary, times."""
        del request
        return _json([[*pair, times] for pair, times in self.tenant.state.links.items()])

    async def revoke(self, request: Request) -> Response:
        """End all access tokens."""
        del request
        self.tenant.tokens.revoke()
        return Response(status_code=204)

    async def id_token(self, request: Request) -> Response:
        """Issue an ID token of ``{"user_id"}``."""
        return _json({"id_token": self.tenant.tokens.id_token((await request.json())["user_id"])})

    async def user_token(self, request: Request) -> Response:
        """Issue an access token of the user ``{"user_id"}``."""
        user_id = (await request.json())["user_id"]
        lifetime = self.tenant.options.token_lifetime
        return _json({"access_token": self.tenant.tokens.access_token(user_id, USER_SCOPE, lifetime)})

    async def connection(self, request: Request) -> Response:
        """The Airflow connection that leads here, and the key for ``private_key_jwt``."""
        del request
        return Response(connection_json(self.tenant), media_type="application/json")

    async def export(self, request: Request) -> Response:
        """All users as an Auth0 users export."""
        del request
        rows = await asyncio.to_thread(self.tenant.state.copies, idp_tokens=False)
        return Response(utf8(await asyncio.to_thread(ndjson, rows)), media_type="application/x-ndjson")

    async def state(self, request: Request) -> Response:
        """All users with all that they hold; ``?volatile=false`` leaves dates and counts out."""
        volatile = request.query_params.get("volatile", "true") != "false"
        return _json(await asyncio.to_thread(self.tenant.whole, volatile=volatile))
