"""Answer browsers: every error is one sentence under ``error``, with the right status."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import DisallowedHost, RequestDataTooBig, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.decorators import decorator_from_middleware
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from unicom.conf import settings
from unicom.errors import AccountBlocked, Expired, InvalidMessage, NotAccessible
from unicom.platforms.webchat.bearers import OriginRefused, admitted, token_in
from unicom.platforms.webchat.crossing import for_tokens
from unicom.platforms.webchat.limiting import TooMuch
from unicom.platforms.webchat.tokens import TokenRefused

logger = logging.getLogger("unicom")

FORM_BYTES = 4 * 1024 * 1024
"""What a form may hold beside its file."""
View = Callable[..., HttpResponseBase]


class _JsonCsrf(CsrfViewMiddleware):
    """Ask for the CSRF token as Django does, whatever the project's middleware; refuse in our shape."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return error(403, f"The CSRF token is missing or wrong. ({reason})")


_csrf = decorator_from_middleware(_JsonCsrf)


def error(status: int, sentence: str) -> JsonResponse:
    """Return an error."""
    return JsonResponse({"error": sentence}, status=status)


def endpoint(*methods: str, gives_tokens: bool = False) -> Callable[[View], View]:
    """Make a view of the web chat: these methods only, CSRF where something changes, errors as sentences.

    A request with a bearer token is that token's visitor's, whatever cookies come along, and so needs no CSRF token.
    With ``gives_tokens`` none is asked for, nor are cookies.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in methods:
                refusal = error(405, f"{request.method} is not allowed here; use {' or '.join(methods)}.")
                refusal["Allow"] = ", ".join(methods)
                return refusal
            try:
                if not gives_tokens and (token := token_in(request)) is not None:
                    request.unicom_bearer = admitted(request, token)  # type: ignore[attr-defined]
                return view(request, *args, **kwargs)
            except TokenRefused as problem:
                refusal = error(401, str(problem))
                refusal["WWW-Authenticate"] = "Bearer"
                return refusal
            except InvalidMessage as problem:
                return error(400, str(problem))
            except TooMuch as problem:
                refusal = error(429, str(problem))
                refusal["Retry-After"] = str(problem.retry_after)
                return refusal
            except (AccountBlocked, Expired) as problem:
                return error(403, str(problem))
            except PermissionError as problem:
                request.unicom_origin_refused = isinstance(problem, OriginRefused)  # type: ignore[attr-defined]
                return error(403, str(problem))
            except NotAccessible as problem:
                return error(404, str(problem))
            except DisallowedHost:
                return error(400, "This host is not served here.")
            except (RequestDataTooBig, TooManyFilesSent):
                return error(413, "The request is too large.")
            except MultiPartParserError:
                return error(400, "The form could not be read.")
            except (OperationalError, InterfaceError):
                logger.exception("The database is in trouble.")
                return error(503, "Nothing was stored; please try again in a moment.")
            except Exception:
                # A visitor gets a sentence, the log gets the rest.
                logger.exception("A web chat request failed.")
                return error(500, "Something went wrong on our side; please try again.")

        # The project's own middleware would refuse in HTML; ours has asked the same question before.
        by_cookie, by_token = _small_enough(_csrf_first(guarded)), _small_enough(guarded)
        return csrf_exempt(never_cache(for_tokens(methods, by_cookie, by_token, needs_none=gives_tokens)))

    return decorate


def _small_enough(view: View) -> View:
    """Refuse what is far too large before any of it is read: looking for the CSRF token reads a whole form."""

    @functools.wraps(view)
    def measured(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        length = request.headers.get("content-length") or "0"
        if str(length).isdigit() and int(length) > settings.UNICOM_MAX_UPLOAD_BYTES + FORM_BYTES:
            return error(413, f"The request is too large; a file may have {settings.UNICOM_MAX_UPLOAD_BYTES:,} bytes.")
        return view(request, *args, **kwargs)

    return measured


def _csrf_first(view: View) -> View:
    checked: View = _csrf(view)
    # decorator_from_middleware asks the view whether it is exempt, and the inner one is not.
    return checked
