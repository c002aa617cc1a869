"""The errors the Graph API answers with, worded as it words them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class GraphError(Exception):
    """A refusal: becomes ``{"error": {…}}`` with an HTTP status."""

    def __init__(self, code: int, message: str, *, status: int = 400, details: str = "", subcode: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = details
        self.subcode = subcode

    def body(self) -> Json:
        """Return the JSON object that the API would answer with."""
        error: Json = {
            "message": f"(#{self.code}) {self.message}", "type": "OAuthException", "code": self.code,
            "fbtrace_id": "AFakeTraceFakeTraceFake",
        }  # fmt: skip
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode:
            error["error_subcode"] = self.subcode
        return {"error": error}

    def in_status(self) -> Json:
        """Return the object that a failed status carries."""
        found: Json = {"code": self.code, "title": self.message, "message": self.message}
        if self.details:
            found["error_data"] = {"details": self.details}
        return found


TITLES = {
    4: "Application request limit reached", 80007: "Rate limit issues", 130429: "Rate limit hit",
    130472: "User's number is part of an experiment", 131000: "Something went wrong", 131005: "Access denied",
    131008: "Required parameter is missing", 131009: "Parameter value is not valid",
    131016: "Service unavailable", 131021: "Recipient cannot be sender", 131026: "Message undeliverable",
    131030: "Recipient phone number not in allowed list", 131031: "Account has been locked",
    131042: "Business eligibility payment issue", 131047: "Re-engagement message", 131048: "Spam rate limit hit",
    131049: "This message was not delivered to maintain healthy ecosystem engagement.",
    131050: "Unable to deliver the message. This recipient has chosen to stop receiving marketing messages",
    131051: "Unsupported message type", 131052: "Media download error", 131053: "Media upload error",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    131062: "Business-scoped User ID (BSUID) recipients are not supported for this message.",
    131064: "Conversation limit reached", 132000: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation", 132005: "Translated text too long",
    132007: "Template format character policy violated", 132008: "Parameter value is not valid",
    132012: "Parameter format does not match format in the created template", 132015: "Template is paused",
    132016: "Template is disabled", 133016: "Account register deregister rate limit exceeded",
    190: "Error validating access token: Session has expired", 100: "Invalid parameter", 1: "An unknown error occurred",
    2: "Service temporarily unavailable", 368: "Temporarily blocked for policies violations",
}  # fmt: skip
_STATUS = {190: 401, 131000: 500, 131016: 503, 1: 500, 2: 503, 131005: 403, 368: 403, 130429: 429, 131056: 429}


def graph_error(code: int, details: str = "", message: str = "") -> GraphError:
    """Return the error of a code, with its own title and status."""
    title = message or TITLES.get(code, "Unknown error")
    return GraphError(code, title, status=_STATUS.get(code, 400), details=details)


def invalid(details: str) -> GraphError:
    """Return the 100 that carries what is wrong."""
    return GraphError(100, "Invalid parameter", details=details)


def missing(name: str) -> GraphError:
    """Return the 131008 that names what is missing."""
    return graph_error(131008, f"The parameter {name} is required.")


def unknown_object(name: str) -> GraphError:
    """Return the 100/33 for an id that the token cannot see."""
    return GraphError(
        100,
        f"Unsupported request. Object with ID '{name}' does not exist, cannot be loaded due to missing permissions, or "
        "does not support this operation",
        subcode=33,
    )
