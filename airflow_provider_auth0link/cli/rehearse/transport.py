"""The rehearsal's way to its tenant: no socket, so nothing can reach a real one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.emulator.records import FORM, RequestRecord
from airflow_provider_auth0link.emulator.routes import route_of
from airflow_provider_auth0link.emulator.tenant import Tenant


class Inside:
    """
    Hands requests to a tenant of this process, which decides on them as it does on those that come by HTTP.

    :param tenant: one without limits and faults
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def send(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Send once."""
        record = _record(request, headers)
        self._tenant.log.add(record)
        said = self._tenant.respond(record)
        record.status = said.status
        self._tenant.log.note(record)
        return Response(
            said.status,
            {"date": self._tenant.date(), "content-type": said.content_type, **dict(said.headers)},
            said.body,
        )


def _record(request: Request, headers: Mapping[str, str]) -> RequestRecord:
    path, _, query = request.path.partition("?")
    body, kind = b"", ""
    if request.form is not None:
        body, kind = urlencode(request.form).encode(), FORM
    elif request.json is not None:
        body, kind = json.dumps(request.json).encode(), "application/json"
    route, args = route_of(request.method, path)
    return RequestRecord(
        method=request.method,
        path=path,
        query=query,
        raw_headers=[
            (name.encode(), value.encode("latin-1"))
            for name, value in {**headers, "content-type": kind}.items()
        ],
        raw_body=body,
        operation=route,
        args=args,
    )
