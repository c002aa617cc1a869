"""Let pages of other sites read the answers that are theirs, as browsers ask for it (CORS); never with cookies."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import patch_vary_headers

from unicom.platforms.webchat.bearers import host_of, is_welcome_somewhere, token_in
from unicom.platforms.webchat.origins import is_ours
from unicom.platforms.webchat.visitors import bearer_of

logger = logging.getLogger("unicom")

View = Callable[..., HttpResponseBase]
HEADERS = "Authorization, Content-Type"
KEPT_S = 600
"""For how long a browser need not ask again whether it may ask."""


def for_tokens(methods: Sequence[str], by_cookie: View, by_token: View, *, needs_none: bool) -> View:
    """Make a view of two: one for who brings a token, whose cookies count for nothing, and one for all others.

    ``needs_none`` is for where tokens are given out: whoever comes there brings no cookie either.
    """

    @functools.wraps(by_cookie)
    def view(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return _preflight(request, methods)
        is_free = needs_none or token_in(request) is not None
        response = (by_token if is_free else by_cookie)(request, *args, **kwargs)
        patch_vary_headers(response, ["Origin"])
        if is_free and _may_read(request):
            _let_read(response, request.headers["Origin"])
        return response

    return view


def _may_read(request: HttpRequest) -> bool:
    """Tell whether the page that asked may read the answer; without a channel, whether any chat may be on it."""
    origin = request.headers.get("Origin")
    if origin is None or getattr(request, "unicom_origin_refused", False):
        return False
    if bearer_of(request) is not None:
        return True  # the origin was looked at together with the token
    try:
        return is_ours(origin, host_of(request)) or is_welcome_somewhere(origin)
    except (OperationalError, InterfaceError):
        logger.exception("It cannot be found out which pages may read the answer, so none may.")
        return False


def _let_read(response: HttpResponseBase, origin: str) -> None:
    response["Access-Control-Allow-Origin"] = origin
    response["Access-Control-Expose-Headers"] = "Retry-After"


def _preflight(request: HttpRequest, methods: Sequence[str]) -> HttpResponseBase:
    response: HttpResponse
    if _may_read(request):
        response = HttpResponse(status=204)
        _let_read(response, request.headers["Origin"])
        response["Access-Control-Allow-Methods"] = ", ".join(methods)
        response["Access-Control-Allow-Headers"] = HEADERS
        response["Access-Control-Max-Age"] = str(KEPT_S)
    else:
        response = JsonResponse({"error": "Pages of this site show no web chat of ours."}, status=403)
    patch_vary_headers(response, ["Origin"])
    return response
