"""A plain client for the fake, as the bot's own code would be: stdlib HTTP, no conveniences."""

from __future__ import annotations

import http.client
import json
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from unicom.testing.telegram.errors import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    @property
    def json(self) -> Json:
        """The answer read as JSON."""
        decoded: Json = json.loads(self.body)
        return decoded

    @property
    def result(self) -> Any:
        """The result of a call that succeeded; raises AssertionError with the refusal otherwise."""
        if not self.json["ok"]:
            raise AssertionError(f"{self.status} {self.json['description']}")
        return self.json["result"]

    @property
    def description(self) -> str:
        """The sentence of a refusal."""
        return str(self.json.get("description", ""))


class ApiClient:
    """Calls the Bot API over one kept connection."""

    def __init__(self, url: str, token: str, *, timeout: float = 5.0) -> None:
        self._path = f"/bot{token}/"
        self._file_path = f"/file/bot{token}/"
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def call(self, method: str, /, **params: Any) -> Answer:
        """Call a method with a JSON body."""
        return self.request("POST", self._path + method, json.dumps(params).encode(), "application/json")

    def form(self, method: str, /, **params: Any) -> Answer:
        """Call a method with an urlencoded body."""
        body = urlencode(params).encode()
        return self.request("POST", self._path + method, body, "application/x-www-form-urlencoded")

    def query(self, method: str, /, **params: Any) -> Answer:
        """Call a method with GET."""
        return self.request("GET", f"{self._path}{method}?{urlencode(params)}")

    def upload(self, method: str, /, files: dict[str, tuple[str, bytes, str]], **params: Any) -> Answer:
        """Call a method with a multipart body; ``files`` maps fields to (name, data, MIME type)."""
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in params.items()
        ]
        for field, (name, data, mime_type) in files.items():
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
            parts.append(f"{head}Content-Type: {mime_type}\r\n\r\n".encode() + data + b"\r\n")
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        return self.request("POST", self._path + method, body, f"multipart/form-data; boundary={boundary}")

    def download(self, path: str) -> Answer:
        """Fetch a file by the path that getFile told."""
        return self.request("GET", self._file_path + path)

    def request(self, verb: str, path: str, body: bytes | None = None, content_type: str = "") -> Answer:
        """Make any request; a broken connection is an exception, and the next request opens another."""
        headers = {"Content-Type": content_type} if content_type else {}
        try:
            self._connection.request(verb, path, body, headers)
            response = self._connection.getresponse()
            return Answer(status=response.status, body=response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
