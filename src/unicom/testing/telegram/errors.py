"""The errors the Bot API answers with, worded as Telegram words them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """A refusal: becomes ``{"ok": false, "error_code": …, "description": …}`` with the same HTTP status."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> Json:
        """Return the JSON object that Telegram would answer with."""
        answer: Json = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


def bad_request(sentence: str, **parameters: Any) -> ApiError:
    """Return the 400 that carries ``sentence``."""
    return ApiError(400, f"Bad Request: {sentence}", **parameters)


def forbidden(sentence: str) -> ApiError:
    """Return the 403 that carries ``sentence``."""
    return ApiError(403, f"Forbidden: {sentence}")


def conflict(sentence: str) -> ApiError:
    """Return the 409 that getUpdates gives."""
    return ApiError(409, f"Conflict: {sentence}")


def too_many_requests(retry_after: int) -> ApiError:
    """Return the 429, with ``retry_after`` in the sentence and in the parameters."""
    return ApiError(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


def cannot_parse(sentence: str) -> ApiError:
    """Return the 400 for text that its parse mode cannot read."""
    return bad_request(f"can't parse entities: {sentence}")


NOT_FOUND = (404, "Not Found")
UNAUTHORIZED = (401, "Unauthorized")
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
WEBHOOK_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
