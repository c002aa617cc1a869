"""The control API, ``/_control/…``: script faults, play users and read the log from another process or a browser.

Every answer is JSON. What changes something is a POST with a JSON object, which no foreign page can send unasked.

==========  ============  ===========================================================================================
GET         state         bots (with tokens, which are made up), users and groups
GET         log           calls; ``?since=N&method=…&chat_id=…``
GET         violations    the violations as sentences
GET         limits        broken limits
GET         messages      of a chat; ``?user=<id>&bot=<id>`` or ``?group=<id>``
POST        bots          ``{"username": …, "token": …}``
POST        users         ``{"name": …, "id": …}``
POST        groups        ``{"title": …, "members": [ids of users and bots]}``
POST        act           ``{"act": "sends", "user": id, "bot": id | "group": id, "text": …}``
POST        fail          ``{"method": …, "chat_id": …, "bot": id, "times": 1, "error": "429" | {…}}``
POST        chaos         ``{"seed": 1, "probabilities": {"429": 0.1}, "methods": […]}``
POST        calm          ``{}``
POST        settings      ``{"latency": 0.2}``
==========  ============  ===========================================================================================
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from unicom.testing.http import Exchange, Request
from unicom.testing.telegram.bots import FakeBot, FakeMessage
from unicom.testing.telegram.errors import Json
from unicom.testing.telegram.groups import FakeGroup
from unicom.testing.telegram.page import PAGE
from unicom.testing.telegram.users import FakeUser

if TYPE_CHECKING:
    from unicom.testing.telegram.server import FakeTelegram


class Control:
    """Answers everything that is not the Bot API itself."""

    def __init__(self, fake: FakeTelegram) -> None:
        self._fake = fake
        self._reads = {
            "state": self._state, "log": self._log, "violations": self._violations, "limits": self._limits,
            "messages": self._messages,
        }  # fmt: skip
        self._writes = {
            "bots": self._add_bot, "users": self._add_user, "groups": self._add_group, "act": self._act,
            "fail": self._fail, "chaos": self._chaos, "calm": self._calm, "settings": self._settings,
        }  # fmt: skip

    def handle(self, request: Request, exchange: Exchange) -> None:
        """Answer one request."""
        if request.path == "/" and request.method == "GET":
            exchange.reply(200, PAGE.encode(), content_type="text/html; charset=utf-8")
            return
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
            "bots": [{"id": bot.id, "username": bot.username, "token": bot.token} for bot in fake.bots.values()],
            "users": [{"id": user.id, "name": user.person.first_name} for user in fake.users.values()],
            "groups": [{"id": group.id, "title": group.chat.title} for group in fake.groups.values()],
        }

    def _log(self, arguments: Json) -> Json:
        chat_id = arguments.get("chat_id")
        calls = self._fake.log.calls(
            arguments.get("method"), chat_id=int(chat_id) if chat_id else None, since=int(arguments.get("since", 0))
        )
        return {"calls": [{**asdict(call), "params": call.shown_params()} for call in calls]}

    def _violations(self, _: Json) -> Json:
        return {"violations": [str(violation) for violation in self._fake.violations]}

    def _limits(self, _: Json) -> Json:
        return {"broken": [asdict(broken) for broken in self._fake.log.broken_limits()]}

    def _messages(self, arguments: Json) -> Json:
        chat = self._place(arguments, self._user(arguments))[1]
        return {
            "messages": [
                {**message, "keyboard": FakeMessage(chat=chat, json=message).buttons}
                for message in chat.messages.values()
            ]
        }

    # Changing

    def _add_bot(self, arguments: Json) -> Json:
        bot = self._fake.add_bot(str(arguments.get("username", "")), token=str(arguments.get("token", "")))
        return {"id": bot.id, "username": bot.username, "token": bot.token}

    def _add_user(self, arguments: Json) -> Json:
        user = self._fake.user(str(arguments.get("name", "Ann")), id=arguments.get("id"))
        return {"id": user.id}

    def _add_group(self, arguments: Json) -> Json:
        known: dict[int, FakeUser | FakeBot] = {**self._fake.users, **self._fake.bots}
        members = [known[int(member)] for member in arguments.get("members", [])]
        group = self._fake.group(str(arguments.get("title", "Group")), members=members)
        return {"id": group.id}

    def _act(self, arguments: Json) -> Json:
        user = self._user(arguments)
        act = arguments.get("act")
        place, chat = self._place(arguments, user)
        fields = arguments.get("fields", {})
        if act in ("blocks", "unblocks") and isinstance(place, FakeBot):
            (user.blocks if act == "blocks" else user.unblocks)(place)
            return {}
        if act == "start" and isinstance(place, FakeBot):
            return user.start(place, str(arguments.get("payload", ""))).json
        if act == "sends":
            return user.sends(place, arguments.get("text"), topic=int(arguments.get("topic", 0)), **fields).json
        message_id = int(arguments["message_id"])
        if message_id not in chat.messages:
            raise LookupError(f"message_id: {message_id} is not in this chat")
        message = FakeMessage(
            chat=chat, json=chat.messages[message_id], bot=place.state if isinstance(place, FakeBot) else None
        )
        if act == "clicks":
            click = user.clicks(message, str(arguments["button"]))
            return {"callback_query_id": click.id if click else None}
        if act == "edits":
            return user.edits(message, arguments.get("text"), **fields).json
        if act == "reacts":
            user.reacts(message, *arguments.get("emoji", []))
            return {}
        raise ValueError(f"act: {act!r} is not one of blocks, clicks, edits, reacts, sends, start, unblocks")

    def _fail(self, arguments: Json) -> Json:
        bot = arguments.get("bot")
        self._fake.fail(
            arguments.get("method"), error=arguments.get("error", "500"), chat_id=arguments.get("chat_id"),
            bot=self._fake.bots[int(bot)] if bot else None, times=int(arguments.get("times", 1)),
        )  # fmt: skip
        return {"faults_left": self._fake.faults_left}

    def _chaos(self, arguments: Json) -> Json:
        self._fake.chaos(
            int(arguments.get("seed", 0)), arguments["probabilities"], methods=arguments.get("methods", [])
        )
        return {}

    def _calm(self, _: Json) -> Json:
        self._fake.calm()
        return {}

    def _settings(self, arguments: Json) -> Json:
        if "latency" in arguments:
            self._fake.settings.latency = float(arguments["latency"])
        return {"latency": self._fake.settings.latency}

    # Looking up

    def _user(self, arguments: Json) -> FakeUser:
        if "user" not in arguments and self._fake.users:
            return next(iter(self._fake.users.values()))
        return self._fake.users[int(arguments["user"])]

    def _place(self, arguments: Json, user: FakeUser) -> tuple[FakeBot | FakeGroup, Any]:
        if "group" in arguments:
            wanted = int(arguments["group"])
            group = next((one for one in self._fake.groups.values() if one.id == wanted), None)
            if group is None:
                raise LookupError(f"group: {wanted} does not exist")
            return group, group.chat
        bot = self._fake.bots[int(arguments["bot"])]
        return bot, bot.world.private_chat(bot.state, user.person)
