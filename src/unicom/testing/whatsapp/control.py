"""The control API, ``/_control/…``: script faults, play people and read the log from another process.

Every answer is JSON. What changes something is a POST with a JSON object, which no foreign page can send unasked.

==========  ============  ===========================================================================================
GET         state         numbers, people and the webhook's address
GET         log           calls; ``?since=N&kind=…&recipient=…``
GET         violations    the violations as sentences
GET         limits        broken limits
GET         messages      what a number sent to somebody; ``?user=<phone>&number=<id>``
POST        webhook       ``{"url": …}``: where webhooks go
POST        numbers       ``{"id": …, "display": …, "account": …}``
POST        users         ``{"name": …, "phone": …, "hides_phone": false}``
POST        templates     ``{"number": id, "name": …, "body": …, "language": "en_US"}``
POST        act           ``{"act": "sends", "user": phone, "number": id, "text": …}``
POST        fail          ``{"kind": "messages", "recipient": …, "times": 1, "error": "500" | 131056 | {…}}``
POST        calm          ``{}``
==========  ============  ===========================================================================================
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from unicom.testing.http import Exchange, Request
from unicom.testing.whatsapp.errors import Json
from unicom.testing.whatsapp.users import FakeMessage, FakeNumber, FakeUser

if TYPE_CHECKING:
    from unicom.testing.whatsapp.server import FakeWhatsApp


class Control:
    """Answers everything that is not the Graph API itself."""

    def __init__(self, fake: FakeWhatsApp) -> None:
        self._fake = fake
        self._reads = {
            "state": self._state, "log": self._log, "violations": self._violations, "limits": self._limits,
            "messages": self._messages,
        }  # fmt: skip
        self._writes = {
            "webhook": self._webhook, "numbers": self._add_number, "users": self._add_user,
            "templates": self._add_template, "act": self._act, "fail": self._fail, "calm": self._calm,
        }  # fmt: skip

    def handle(self, request: Request, exchange: Exchange) -> None:
        """Answer one request."""
        name = request.path.removeprefix("/_control/").strip("/")
        known = self._reads if request.method == "GET" else self._writes
        action = known.get(name) if request.path.startswith("/_control/") else None
        if action is None:
            self._reply(exchange, 404, {"error": f"no such page: {request.method} {request.path}"})
            return
        try:
            self._reply(exchange, 200, action(self._arguments(request)))
        except (ValueError, TypeError, LookupError) as error:
            self._reply(exchange, 400, {"error": f"{type(error).__name__}: {error}"})

    def _reply(self, exchange: Exchange, status: int, answer: Any) -> None:
        exchange.reply(status, json.dumps(answer, default=str).encode())

    def _arguments(self, request: Request) -> Json:
        if request.method == "GET":
            return dict(parse_qsl(request.query))
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise ValueError("Content-Type: application/json is required")
        arguments = json.loads(request.body or b"{}")
        if not isinstance(arguments, dict):
            raise ValueError("the body must be a JSON object")
        return arguments

    # Reading

    def _state(self, _: Json) -> Json:
        fake = self._fake
        return {
            "numbers": [{"id": number.id, "display": number.state.display} for number in fake.numbers.values()],
            "users": [{"phone": user.phone, "name": user.person.name} for user in fake.users.values()],
            "webhook": fake.webhook_url,
            "pending": len(fake.queue),
        }

    def _log(self, arguments: Json) -> Json:
        calls = self._fake.log.calls(
            arguments.get("kind"), recipient=arguments.get("recipient"), since=int(arguments.get("since", 0))
        )
        return {"calls": [asdict(call) for call in calls]}

    def _violations(self, _: Json) -> Json:
        return {"violations": [str(violation) for violation in self._fake.violations]}

    def _limits(self, _: Json) -> Json:
        return {"broken": [asdict(broken) for broken in self._fake.log.broken_limits()]}

    def _messages(self, arguments: Json) -> Json:
        user, number = self._user(arguments), self._number(arguments)
        return {
            "messages": [
                {"id": item.wamid, "type": item.type, "text": item.text, "buttons": item.buttons}
                for item in user.inbox(number)
            ]
        }

    # Changing

    def _webhook(self, arguments: Json) -> Json:
        self._fake.webhook_url = str(arguments["url"])
        return {}

    def _add_number(self, arguments: Json) -> Json:
        known = {name: str(arguments[name]) for name in ("id", "display", "account", "business") if name in arguments}
        number = self._fake.add_number(**known)
        return {"id": number.id, "account": number.account.id}

    def _add_user(self, arguments: Json) -> Json:
        user = self._fake.user(
            str(arguments.get("name", "Ann")),
            phone=str(arguments.get("phone", "")),
            hides_phone=bool(arguments.get("hides_phone", False)),
        )
        return {"phone": user.phone}

    def _add_template(self, arguments: Json) -> Json:
        return self._fake.add_template(
            self._number(arguments),
            str(arguments["name"]),
            str(arguments.get("body", "")),
            language=str(arguments.get("language", "en_US")),
        )

    def _act(self, arguments: Json) -> Json:
        user, number, act = self._user(arguments), self._number(arguments), arguments.get("act")
        text = arguments.get("text")
        if act == "sends":
            return {"id": user.sends(number, text, **arguments.get("fields", {})).wamid}
        if act == "calls":
            user.calls(number)
            return {}
        message: FakeMessage = (
            self._fake.message(str(arguments["message"])) if "message" in arguments else user.last(number)
        )
        if act == "taps":
            return {"id": user.taps(number, message, str(arguments["title"])).wamid}
        if act == "reads":
            user.reads(message)
            return {}
        if act == "reacts":
            return {"id": user.reacts(number, message, str(arguments.get("emoji", ""))).wamid}
        raise ValueError(f"act: {act!r} is not one of calls, reacts, reads, sends, taps")

    def _fail(self, arguments: Json) -> Json:
        self._fake.fail(
            arguments.get("kind"),
            error=arguments.get("error", "500"),
            recipient=arguments.get("recipient"),
            times=int(arguments.get("times", 1)),
        )
        return {}

    def _calm(self, _: Json) -> Json:
        self._fake.calm()
        return {}

    def _user(self, arguments: Json) -> FakeUser:
        return self._fake.users[str(arguments["user"])]

    def _number(self, arguments: Json) -> FakeNumber:
        return self._fake.numbers[str(arguments["number"])]
