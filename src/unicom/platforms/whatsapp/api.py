"""Call the Graph API: JSON in, JSON out, every refusal a DeliveryError, the token in none of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote, urlencode

from unicom.errors import DeliveryError
from unicom.platforms import http
from unicom.platforms.whatsapp import errors

SERVICE = "WhatsApp"


class GraphApi:
    """Be one token's access to the Graph API; cheap to make, the connections are the process's."""

    def __init__(self, token: str, url: str, version: str) -> None:
        self._token = token
        self._url = f"{url.rstrip('/')}/{version}"

    def __repr__(self) -> str:
        return "<GraphApi>"

    def as_app(self, app_id: str, secret: str) -> GraphApi:
        """Return the access an app has to itself."""
        app = GraphApi("", "", "")
        app._token, app._url = f"{app_id}|{secret}", self._url
        return app

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """Read an object or an edge; raises DeliveryError."""
        query = f"?{urlencode(params)}" if params else ""
        return self._call("GET", f"{path}{query}")

    def post(self, path: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Post JSON; raises DeliveryError. Never repeated in here."""
        body = json.dumps(data, ensure_ascii=False).encode()
        return self._call("POST", path, content=body, headers={"Content-Type": "application/json"})

    def upload(self, path: str, content: IO[bytes], name: str, content_type: str) -> str:
        """Upload a file and return its media id; whatever goes wrong may be tried again, for nobody has seen it."""
        fields = {"messaging_product": "whatsapp", "type": content_type}
        try:
            made = self._call("POST", path, fields=fields, files={"file": (name, content, content_type)})
        except DeliveryError as error:
            if error.ambiguous:
                error.ambiguous, error.retryable = False, True
            raise
        media_id = made.get("id")
        if not isinstance(media_id, str) or not media_id:
            raise DeliveryError("WhatsApp took the file and named no id for it", retryable=True, code="answer")
        return media_id

    @contextmanager
    def download(self, url: str) -> Iterator[Iterator[bytes]]:
        """Open a file at the address WhatsApp gave for it, which lives for minutes."""
        try:
            with http.stream("GET", url, service=SERVICE, headers=self._authorization()) as (status, chunks):
                if status in (401, 403, 404, 410):
                    # The address has run out, or is another's: a fresh one may do.
                    raise DeliveryError(
                        f"WhatsApp does not give out the file any more (HTTP {status})",
                        retryable=True,
                        code=f"http_{status}",
                    )
                if status != 200:
                    raise errors.foreign_answer(status)
                yield chunks
        except DeliveryError as error:
            raise self._redacted(error) from None

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        headers = {**self._authorization(), **request.pop("headers", {})}
        try:
            return _read(http.request(method, f"{self._url}/{path}", service=SERVICE, headers=headers, **request))
        except DeliveryError as error:
            raise self._redacted(error) from None

    def _redacted(self, error: DeliveryError) -> DeliveryError:
        error.reason = self.redact(error.reason)
        error.args = (error.reason,)
        return error

    def redact(self, text: str) -> str:
        """Return ``text`` without the token, however it is written."""
        for secret in (self._token, quote(self._token, safe="")):
            text = text.replace(secret, "***")
        return text


def _read(answer: http.Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise errors.foreign_answer(answer.status) from None
    if not isinstance(said, dict):
        raise errors.foreign_answer(answer.status)
    problem = said.get("error")
    if isinstance(problem, dict):
        raise errors.refusal(answer.status, problem)
    if not 200 <= answer.status < 300:
        raise errors.foreign_answer(answer.status)
    return said
