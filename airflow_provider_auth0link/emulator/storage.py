"""
Where the files of export jobs lie: beside the API, opened by a signature instead of a token.

The answers are those of Amazon S3 to presigned URLs. UNCONFIRMED: that Auth0's files lie there, the URL's
form, and whether the file is a ``.gz`` or travels with ``content-encoding: gzip`` (``Options.export_file``).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from airflow_provider_auth0link.emulator.answers import Answer
from airflow_provider_auth0link.emulator.routes import DOWNLOADS

if TYPE_CHECKING:
    from airflow_provider_auth0link.emulator.records import RequestRecord

XML_TYPE = "application/xml"
TYPES = {"json": "application/x-ndjson", "csv": "text/csv"}
TENANT = "emulator"
"""Files are named after the tenant."""


class Storage:
    """
    Gives out locations, and what lies there.

    :param url: where the tenant is served
    :param now: the tenant's time, epoch seconds
    :param file: finds the file of a job; None when there is none
    :param encoding: whether what is fetched is a ``.gz`` file, or encoded on its way only
    """

    def __init__(
        self,
        url: str,
        now: Callable[[], float],
        file: Callable[[str], bytes | None],
        encoding: Literal["gzip", "encoded"],
    ) -> None:
        self._url = url
        self._now = now
        self._file = file
        self._encoding = encoding
        self._key = secrets.token_bytes(32)

    def location(self, job_id: str, form: str, seconds: float) -> str:
        """Make a URL of its own for a file, good for so many seconds."""
        ending = ".gz" if self._encoding == "gzip" else ""
        path = f"{DOWNLOADS}/{job_id}/{TENANT}.{form}{ending}"
        query = {"Expires": f"{self._now() + seconds:.3f}", "Nonce": secrets.token_hex(8)}
        signature = self._signature(path, query["Expires"], query["Nonce"])
        return f"{self._url}{path}?{urlencode({**query, 'Signature': signature})}"

    def _signature(self, path: str, expires: str, nonce: str) -> str:
        text = f"{path}\n{expires}\n{nonce}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def fetch(self, request: RequestRecord) -> Answer:
        """Answer a download."""
        params = request.params
        if "authorization" in request.headers:
            return _refusal(
                400,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
                "string parameter or the Authorization header should be specified",
            )
        if not params:
            return _refusal(403, "AccessDenied", "Access Denied")
        expires = params.get("Expires", "")
        signature = self._signature(request.path, expires, params.get("Nonce", ""))
        if not hmac.compare_digest(signature.encode(), params.get("Signature", "").encode()):
            text = (
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method."
            )
            return _refusal(403, "SignatureDoesNotMatch", text)
        if float(expires) <= self._now():
            return _refusal(
                403,
                "AccessDenied",
                "Request has expired",
                Expires=_stamp(float(expires)),
                ServerTime=_stamp(self._now()),
            )
        return self._lying(request.args)

    def _lying(self, args: list[str]) -> Answer:
        job_id, name = args
        file = self._file(job_id)
        if file is None:
            return _refusal(404, "NoSuchKey", "The specified key does not exist.")
        headers = (("content-disposition", f'attachment; filename="{name}"'), ("accept-ranges", "none"))
        if self._encoding == "gzip":
            return Answer(200, file, headers, "application/gzip")
        form = name.rpartition(".")[2]
        return Answer(200, file, (*headers, ("content-encoding", "gzip")), TYPES[form])


def _stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _refusal(status: int, code: str, text: str, **more: str) -> Answer:
    request = secrets.token_hex(8).upper()
    rows = {"Code": code, "Message": text, **more, "RequestId": request, "HostId": TENANT}
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in rows.items())
    page = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'
    return Answer(status, page.encode(), content_type=XML_TYPE)
