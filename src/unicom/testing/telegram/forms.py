"""Read a call's parameters from its query string and its body: urlencoded, JSON or multipart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from unicom.testing.http import Request
from unicom.testing.multipart import Upload, read_multipart
from unicom.testing.telegram.errors import ApiError, bad_request


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
        try:
            fields, files = read_multipart(request.body, content_type)
        except ValueError as error:
            raise bad_request(str(error)) from error
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
