"""Say what each error code of the Cloud API means for a delivery: one table, matched on the code alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from unicom.errors import DeliveryError

LONGEST = 500
Action = Literal["fail", "retry", "wait", "doubt", "stop"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Say what follows from a code, and tell an operator what to do."""

    kind: str
    """What it is about: throttling, access, recipient, window, template, media, policy, payment, request, service."""
    action: Action
    """``fail``: it would be refused again. ``retry``: soon. ``wait``: for ``seconds``. ``doubt``: it may have
    arrived. ``stop``: nothing of the channel can go out until somebody acts."""
    says: str
    seconds: float = 0
    suppress: str = ""
    """Why this contact is not to be written to again."""
    suppress_scope: str = ""


def _row(kind: str, action: Action, says: str, **more: Any) -> Row:
    return Row(kind=kind, action=action, says=says, **more)


TOKEN = (
    "the access token is not accepted or has run out; make a permanent one for a system user under "  # noqa: S105
    "Business Settings > Users > System users"
)
TABLE: Mapping[int, Row] = {
    # Access
    0: _row("access", "stop", TOKEN),
    190: _row("access", "stop", TOKEN),
    3: _row("access", "stop", "the app may not do this; give the token whatsapp_business_messaging"),
    10: _row("access", "stop", "the token lacks a permission; give it whatsapp_business_messaging"),
    **{
        code: _row("access", "stop", "the token lacks a permission; give it whatsapp_business_messaging")
        for code in range(200, 300)
    },
    131005: _row("access", "stop", "the token may not use this number; assign the WhatsApp account to its system user"),
    # Throttling
    4: _row("throttling", "wait", "the app has made too many calls", seconds=60),
    80007: _row("throttling", "wait", "the WhatsApp account has made too many calls", seconds=60),
    130429: _row("throttling", "retry", "more messages a second than the number may send"),
    131048: _row(
        "throttling", "wait", "people have blocked or reported the number too often; look at its quality in WhatsApp "
        "Manager", seconds=3600,
    ),
    131064: _row(
        "throttling", "wait", "the account has reached its limit of conversations; see WhatsApp Manager", seconds=3600
    ),
    131056: _row("throttling", "wait", "too many messages to this person within a short time", seconds=6),
    131057: _row("service", "wait", "the account is in maintenance", seconds=300),
    133016: _row("throttling", "wait", "the number was registered too often", seconds=3600),
    # Service
    1: _row("service", "doubt", "an unknown error of the API"),
    2: _row("service", "retry", "the service is not available for the moment"),
    131000: _row("service", "doubt", "something went wrong at WhatsApp, and it does not say what"),
    131016: _row("service", "retry", "the service is not available for the moment"),
    133004: _row("service", "retry", "the server is not available for the moment"),
    # Who cannot be written to
    131021: _row("recipient", "fail", "the recipient is the sending number itself"),
    131026: _row(
        "recipient", "fail", "it cannot be delivered: the person has no WhatsApp, an old version of it, or has not "
        "accepted its terms",
    ),
    131030: _row(
        "recipient", "fail", "a test number writes only to numbers listed under App Dashboard > WhatsApp > API Setup"
    ),
    131045: _row("access", "stop", "the number is not registered; register it under WhatsApp Manager"),
    133010: _row("access", "stop", "the number is not registered; register it under WhatsApp Manager"),
    131031: _row("policy", "stop", "the WhatsApp account is locked or restricted; see WhatsApp Manager"),
    368: _row("policy", "stop", "the account is blocked for a breach of policy; see WhatsApp Manager"),
    131062: _row("recipient", "fail", "this message needs a phone number, and of the person only another id is known"),
    130497: _row("policy", "fail", "the account may not write to people of this country"),
    # The window, and what people wish
    131047: _row(
        "window", "fail", "more than 24 hours have passed since the person last wrote; send an approved template"
    ),
    131049: _row(
        "policy", "fail", "WhatsApp holds it back to keep marketing messages few; do not send it again soon"
    ),
    131050: _row(
        "policy", "fail", "the person has stopped marketing messages", suppress="the person stopped marketing messages",
        suppress_scope="marketing",
    ),
    130472: _row("policy", "fail", "the person takes part in an experiment of Meta and gets no marketing messages"),
    # Payment
    131042: _row("payment", "stop", "there is a problem with the payment; see Billing in Meta Business Suite"),
    # Requests
    33: _row("request", "stop", "the number's id is not known to this token; compare PHONE_NUMBER_ID with API Setup"),
    100: _row("request", "fail", "a parameter is wrong"),
    131008: _row("request", "fail", "a parameter is missing"),
    131009: _row("request", "fail", "a value is not valid"),
    131051: _row("request", "fail", "messages of this type cannot be sent"),
    135000: _row("request", "fail", "a parameter is wrong, and WhatsApp does not say which"),
    # Media
    131052: _row("media", "fail", "the file the person sent could not be fetched"),
    131053: _row("media", "retry", "WhatsApp could not take the file"),
    # Templates
    132000: _row("template", "fail", "the number of values differs from the template's"),
    132001: _row("template", "fail", "there is no approved template of this name in this language"),
    132005: _row("template", "fail", "the template is too long with these values"),
    132007: _row("template", "fail", "the template breaks WhatsApp's policy"),
    132008: _row("template", "fail", "the template's values do not fit it"),
    132012: _row("template", "fail", "a value of the template is not of the form it needs"),
    132015: _row("template", "fail", "the template is paused for its low quality"),
    132016: _row("template", "fail", "the template was disabled for its low quality"),
    132018: _row("template", "fail", "a value of the template is not valid"),
    132068: _row("template", "fail", "the flow is blocked"),
    132069: _row("template", "wait", "the flow is throttled", seconds=60),
}  # fmt: skip
UNKNOWN = Row(kind="request", action="fail", says="")


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Be an error as WhatsApp tells it, in an answer, a status or a message."""

    code: int | None
    sentence: str
    row: Row


def read(problem: Mapping[str, Any]) -> Problem:
    """Read an error object; what it means depends on its code alone, never on its words."""
    code = problem.get("code")
    code = code if isinstance(code, int) and not isinstance(code, bool) else None
    row = TABLE.get(code, UNKNOWN) if code is not None else UNKNOWN
    if code == 100 and problem.get("error_subcode") == 33:
        row = TABLE[33]
    data = problem.get("error_data")
    details = data.get("details") if isinstance(data, Mapping) else None
    said = next(
        (text for text in (details, problem.get("message"), problem.get("title")) if isinstance(text, str) and text),
        "",
    )
    trace = problem.get("fbtrace_id")
    sentence = f"WhatsApp: {said[:LONGEST] or 'no reason was given'}"
    if row.says:
        sentence += f" ({row.says})"
    marks = [f"code {code}"] if code is not None else []
    marks += [f"trace {trace[:60]}"] if isinstance(trace, str) and trace else []
    return Problem(code=code, sentence=f"{sentence} [{', '.join(marks)}]" if marks else sentence, row=row)


def refusal(status: int, problem: Mapping[str, Any]) -> DeliveryError:
    """Return the error that a refusal stands for; an unknown code of a 5xx leaves us in doubt."""
    found = read(problem)
    code = str(found.code) if found.code is not None else f"http_{status}"
    action = found.row.action
    if found.row is UNKNOWN:
        action = "doubt" if status >= 500 else "stop" if status == 401 else "retry" if status == 429 else "fail"
    return DeliveryError(
        found.sentence,
        retryable=action == "retry",
        retry_after=timedelta(seconds=found.row.seconds) if action == "wait" else None,
        ambiguous=action == "doubt",
        channel_down=action == "stop",
        suppress=found.row.suppress,
        suppress_scope=found.row.suppress_scope,
        code=code,
    )


def foreign_answer(status: int) -> DeliveryError:
    """Return the error for an answer that is not the Graph API's: a proxy's page, half a JSON object."""
    sentence = f"something other than the Graph API answered (HTTP {status})"
    code = f"http_{status}"
    if 300 <= status < 400:
        return DeliveryError(f"{sentence}: API_URL leads elsewhere", channel_down=True, code=code)
    if status in (429, 503) or 400 <= status < 500:
        # Refused on the way, so WhatsApp has not seen it.
        return DeliveryError(sentence, retryable=True, code=code)
    return DeliveryError(sentence, ambiguous=True, code=code)
