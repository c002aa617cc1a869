"""Guard what staff's pages ask for: who may, and that every error is one sentence under ``error``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, JsonResponse

logger = logging.getLogger("unicom")

View = Callable[..., JsonResponse]


def staff_only(*permissions: str) -> Callable[[View], View]:
    """Let in staff who hold one of the permissions; what breaks is told to the log, never to the browser."""

    def around(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
            user = request.user
            if not (user.is_active and getattr(user, "is_staff", False)):
                return refused(403, "Staff only.")
            if not any(user.has_perm(permission) for permission in permissions):
                return refused(403, "You may not do that.")
            try:
                return view(request, *args, **kwargs)
            except Exception:
                logger.exception("A request of staff failed.")
                return refused(500, "Something went wrong on our side.")

        return guarded

    return around


def refused(status: int, sentence: str) -> JsonResponse:
    """Return an error."""
    return JsonResponse({"error": sentence}, status=status)
