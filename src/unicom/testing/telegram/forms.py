"""Read a call's parameters from its query string and its body: urlencoded, JSON or multipart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

from unicom.testing.telegram.errors import ApiError, bad_request
from unicom.testing.telegram.http import Request


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """One file of a multipart body."""

    name: str
    mime_type: str
    data: bytes

    def __repr__(self) -> str:
        return f"Upload({self.name!r}, {self.mime_type!r}, {len(self.data)} bytes)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What a call said."""

    params: dict[str, Any]
    files: dict[str, Upload]
    transport: str
    """One of query, urlencoded, json, multipart."""


def read_form(request: Request) -> Form:
    """Return the parameters of ``request``; those of the body win over the query's."""
    params: dict[str, Any] = {}
    if request.query:
        params.update(parse_qsl(request.query, keep_blank_values=True))
    if not request.body:
        return Form(params=params, files={}, transport="query")
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        params.update(_read_json(request.body))
        return Form(params=params, files={}, transport="json")
    if kind == "multipart/form-data":
        fields, files = _read_multipart(request.body, content_type)
        return Form(params={**params, **fields}, files=files, transport="multipart")
    if kind in ("application/x-www-form-urlencoded", ""):
        try:
            params.update(parse_qsl(request.body.decode("utf-8"), keep_blank_values=True, errors="strict"))
        except ValueError as error:
            raise bad_request("strings must be encoded in UTF-8") from error
        return Form(params=params, files={}, transport="urlencoded")
    # The real server ignores a body of another type; the call then lacks its parameters.
    return Form(params=params, files={}, transport="query")


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(body)
    except ValueError as error:
        raise ApiError(400, "Bad Request: can't parse JSON object") from error
    if not isinstance(decoded, dict):
        raise ApiError(400, "Bad Request: expected an object as the JSON body")
    return decoded


def _read_multipart(body: bytes, content_type: str) -> tuple[dict[str, str], dict[str, Upload]]:
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise bad_request("boundary is not found")
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    marker = b"\r\n--" + boundary.encode("latin-1")
    # A leading CRLF makes the first boundary look like the others.
    for part in (b"\r\n" + body).split(marker)[1:]:
        if part.startswith(b"--"):
            return fields, files
        head, found, data = part.partition(b"\r\n\r\n")
        if not found:
            raise bad_request("can't parse multipart form data")
        name, upload = _read_part(head, data)
        if upload is None:
            fields[name] = data.decode("utf-8", errors="replace")
        else:
            files[name] = upload
    raise bad_request("can't parse multipart form data: no final boundary")


def _read_part(head: bytes, data: bytes) -> tuple[str, Upload | None]:
    message = Message()
    for line in head.decode("utf-8", errors="replace").strip().split("\r\n"):
        key, _, value = line.partition(":")
        message[key.strip()] = value.strip()
    name = message.get_param("name", header="content-disposition")
    filename = message.get_filename()
    if filename is None:
        return str(name), None
    return str(name), Upload(name=filename, mime_type=message.get_content_type(), data=data)
