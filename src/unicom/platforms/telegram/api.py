"""Call the Bot API: parameters in, result out, every refusal a DeliveryError, the token in none of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from unicom.errors import DeliveryError
from unicom.platforms import http
from unicom.platforms.telegram import errors


class BotApi:
    """Be one bot's access to a Bot API server; cheap to make, the connections are the process's."""

    def __init__(self, token: str, url: str) -> None:
        self._token = token
        self._url = url.rstrip("/")

    def __repr__(self) -> str:
        return f"<BotApi of {self.bot_id}>"

    @property
    def bot_id(self) -> str:
        """Whose token it is."""
        return self._token.partition(":")[0]

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        files: Mapping[str, http.File] | None = None,
        timeouts: http.Timeouts | None = None,
    ) -> Any:
        """Call a method and return its result; raises DeliveryError. Never repeated in here."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        url = f"{self._url}/bot{self._token}/{method}"
        try:
            if files:
                fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
                answer = http.request("POST", url, service="Telegram", fields=fields, files=files, timeouts=timeouts)
            else:
                answer = http.request(
                    "POST",
                    url,
                    service="Telegram",
                    headers={"Content-Type": "application/json"},
                    content=json.dumps(given).encode(),
                    timeouts=timeouts,
                )
            return _result(answer)
        except DeliveryError as error:
            raise self._redacted(error) from None

    @contextmanager
    def download(self, file_path: str) -> Iterator[Iterator[bytes]]:
        """Open a file that getFile named."""
        if file_path.startswith("/"):
            # A self-hosted server in local mode names a path on its own disk, which is not ours to read.
            raise DeliveryError("the Bot API server runs in local mode and offers no downloads", code="local_mode")
        url = f"{self._url}/file/bot{self._token}/{quote(file_path)}"
        try:
            with http.stream("GET", url, service="Telegram") as (status, chunks):
                if status == 401:
                    raise errors.refusal(status, "Unauthorized", {})
                if status == 404:
                    # The address of a file lives for an hour; asking anew gives another.
                    raise DeliveryError("Telegram: the file is not there any more", retryable=True, code="404")
                if status != 200:
                    raise errors.foreign_answer(status)
                yield chunks
        except DeliveryError as error:
            raise self._redacted(error) from None

    def _redacted(self, error: DeliveryError) -> DeliveryError:
        error.reason = self.redact(error.reason)
        error.args = (error.reason,)
        return error

    def redact(self, text: str) -> str:
        """Return ``text`` without the token, however it is written."""
        for secret in (self._token, quote(self._token, safe=""), self._token.partition(":")[2]):
            if secret:
                text = text.replace(secret, "***")
        return text


def _result(answer: http.Answer) -> Any:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise errors.foreign_answer(answer.status) from None
    if not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
        raise errors.foreign_answer(answer.status)
    if said["ok"]:
        return said.get("result")
    status, parameters = said.get("error_code"), said.get("parameters")
    raise errors.refusal(
        status if isinstance(status, int) and not isinstance(status, bool) else answer.status,
        str(said.get("description") or ""),
        parameters if isinstance(parameters, dict) else {},
    )
