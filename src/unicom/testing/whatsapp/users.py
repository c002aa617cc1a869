"""Play the person: every act makes the webhook that WhatsApp would make of it."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

from unicom.testing.whatsapp import checks, media
from unicom.testing.whatsapp.errors import Json
from unicom.testing.whatsapp.world import Account, Number, Person, Sent, World

SAMPLE_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
"""A picture of one pixel."""


@dataclass(frozen=True, slots=True)
class FakeMessage:
    """A message as a person sees it."""

    sent: Sent

    @property
    def wamid(self) -> str:
        """WhatsApp's id of it."""
        return self.sent.wamid

    @property
    def payload(self) -> Json:
        """What the business called the API with."""
        return self.sent.payload

    @property
    def type(self) -> str:
        """The type of the content."""
        return str(self.payload.get("type", "text"))

    @property
    def text(self) -> str:
        """What people read."""
        return checks.shown_text(self.payload)

    @property
    def buttons(self) -> list[str]:
        """The titles of what can be pressed."""
        return [title for title, _, _ in _pressable(self.sent)]

    @property
    def statuses(self) -> list[str]:
        """What was told of it, in order; of one's own messages: read, typing."""
        return list(self.sent.statuses)


def _pressable(sent: Sent) -> list[tuple[str, str, str]]:
    """Return (title, id, kind of reply) of each button."""
    payload = sent.payload
    if payload.get("type") == "template":
        return _quick_replies(sent.number, payload["template"])
    interactive = payload.get("interactive") or {}
    action = interactive.get("action") or {}
    replies = [
        (item["reply"]["title"], item["reply"]["id"], "button_reply")
        for item in action.get("buttons", [])
        if isinstance(item, dict)
    ]
    rows = [
        (row["title"], row["id"], "list_reply") for section in action.get("sections", []) for row in section["rows"]
    ]
    return [*replies, *rows]


def _quick_replies(number: Number, template: Json) -> list[tuple[str, str, str]]:
    payloads = {
        int(component["index"]): component["parameters"][0]["payload"]
        for component in template.get("components") or []
        if component.get("sub_type") == "quick_reply"
    }
    name, language = template["name"], template["language"]["code"]
    definition = next(row for row in number.account.templates if (row["name"], row["language"]) == (name, language))
    shown = [button for part in definition["components"] for button in part.get("buttons") or []]
    return [
        (button["text"], payloads.get(index, button["text"]), "button")
        for index, button in enumerate(shown)
        if button["type"] == "QUICK_REPLY"
    ]


class FakeNumber:
    """A business number, as tests speak of it."""

    def __init__(self, world: World, state: Number) -> None:
        self.world = world
        self.state = state

    def __repr__(self) -> str:
        return f"FakeNumber({self.id}, {self.state.display!r})"

    @property
    def id(self) -> str:
        """The phone number id."""
        return self.state.id

    @property
    def account(self) -> Account:
        """The WhatsApp Business Account."""
        return self.state.account


class FakeUser:
    """A person who writes, taps, reacts, edits, deletes, calls and changes numbers."""

    def __init__(self, world: World, person: Person) -> None:
        self.world = world
        self.person = person

    def __repr__(self) -> str:
        return f"FakeUser({self.phone!r}, {self.person.name!r})"

    @property
    def phone(self) -> str:
        """The phone number, in digits."""
        return self.person.phone

    def user_id(self, number: FakeNumber) -> str:
        """The id by which a number's business knows this person."""
        return self.person.user_id(number.account.business_id)

    # Writing

    def sends(
        self,
        to: FakeNumber,
        text: str | None = None,
        *,
        reply_to: FakeMessage | None = None,
        group: str = "",
        at: float | None = None,
        **content: Any,
    ) -> FakeMessage:
        """Send a message of any type: a text, or ``type`` with the fields of the webhook's message."""
        message: Json = {"type": "text", "text": {"body": text}} if text is not None else {}
        message.update(content)
        if reply_to is not None:
            message["context"] = {"from": "".join(filter(str.isdigit, to.state.display)), "id": reply_to.wamid}
        if group:
            message["group_id"] = group
        with self.world.lock:
            return self._post(to, message, at=at)

    def _post(self, to: FakeNumber, message: Json, *, at: float | None = None, opens: bool = True) -> FakeMessage:
        number = to.state
        wamid = self.world.wamid()
        moment = at or time.time()
        whole = {**self._from(number), "id": wamid, "timestamp": str(int(moment)), **message}
        sent = Sent(wamid=wamid, number=number, person=self.person, payload=whole, time=moment, incoming=True)
        self.world.messages[wamid] = sent
        if opens:
            self.world.open_window(number, self.person, moment)
        value = {"contacts": [self._contact(number)], "messages": [whole]}
        self.world.post(number, "messages", value, key=(number.id, self.person.phone))
        return FakeMessage(sent)

    def _from(self, number: Number) -> Json:
        found: Json = {}
        if not self.person.hides_phone:
            found["from"] = self.person.phone
        if self.person.shows_user_id or self.person.hides_phone:
            found["from_user_id"] = self.person.user_id(number.account.business_id)
        return found

    def _contact(self, number: Number) -> Json:
        profile: Json = {"name": self.person.name}
        if self.person.username:
            profile["username"] = self.person.username
        contact: Json = {"profile": profile}
        if not self.person.hides_phone:
            contact["wa_id"] = self.person.phone
        if self.person.shows_user_id or self.person.hides_phone:
            contact["user_id"] = self.person.user_id(number.account.business_id)
        return contact

    def sends_file(
        self, to: FakeNumber, kind: str, data: bytes, mime_type: str, *, digest: str = "", **fields: Any
    ) -> FakeMessage:
        """Send a file; ``digest`` claims another than the file has."""
        with self.world.lock:
            kept = media.keep(self.world, to.id, data, mime_type, str(fields.get("filename", "")))
            kept.digest = digest
        told = base64.b64encode(bytes.fromhex(kept.sha256)).decode()
        content: Json = {kind: {"id": kept.id, "mime_type": mime_type, "sha256": told, **fields}}
        return self.sends(to, **{"type": kind, **content})

    def sends_image(self, to: FakeNumber, data: bytes = SAMPLE_PNG, caption: str = "") -> FakeMessage:
        """Send a picture."""
        return self.sends_file(to, "image", data, "image/png", **({"caption": caption} if caption else {}))

    def sends_voice(self, to: FakeNumber, data: bytes) -> FakeMessage:
        """Send a voice message."""
        return self.sends_file(to, "audio", data, "audio/ogg; codecs=opus", voice=True)

    def sends_document(
        self, to: FakeNumber, data: bytes, filename: str, mime_type: str = "application/pdf"
    ) -> FakeMessage:
        """Send a document."""
        return self.sends_file(to, "document", data, mime_type, filename=filename)

    # Reacting to what is there

    def taps(self, to: FakeNumber, message: FakeMessage, title: str) -> FakeMessage:
        """Press a reply button, a row of a list, or a quick reply of a template, by its title."""
        pressed = next((item for item in _pressable(message.sent) if title in item[:2]), None)
        if pressed is None:
            raise LookupError(f"title: {title!r} is not one of {', '.join(message.buttons) or 'no buttons'}")
        shown, token, kind = pressed
        if kind == "button":
            return self.sends(to, reply_to=message, type="button", button={"payload": token, "text": shown})
        answer = {"type": kind, kind: {"id": token, "title": shown}}
        return self.sends(to, reply_to=message, type="interactive", interactive=answer)

    def fills_in(self, to: FakeNumber, message: FakeMessage, **fields: Any) -> FakeMessage:
        """Complete a flow."""
        reply = {"name": "flow", "body": "Sent", "response_json": json.dumps({"flow_token": "token", **fields})}
        return self.sends(
            to, reply_to=message, type="interactive", interactive={"type": "nfm_reply", "nfm_reply": reply}
        )

    def reacts(self, to: FakeNumber, message: FakeMessage, emoji: str = "") -> FakeMessage:
        """React with an emoji, or take the reaction back."""
        reaction = {"message_id": message.wamid, **({"emoji": emoji} if emoji else {})}
        return self.sends(to, type="reaction", reaction=reaction)

    def edits(self, to: FakeNumber, message: FakeMessage, text: str) -> FakeMessage:
        """Change a message of one's own."""
        inner = {"context": {"id": message.wamid}, "type": "text", "text": {"body": text}}
        return self.sends(to, type="edit", edit={"original_message_id": message.wamid, "message": inner})

    def deletes(self, to: FakeNumber, message: FakeMessage) -> FakeMessage:
        """Delete a message of one's own for everybody."""
        return self.sends(to, type="revoke", revoke={"original_message_id": message.wamid})

    def reads(self, message: FakeMessage, status: str = "read", at: float | None = None) -> None:
        """Open the chat: the business is told."""
        with self.world.lock:
            self.world.tell_status(message.sent, status, at=at)

    def calls(self, to: FakeNumber) -> None:
        """Call the business, which opens the window as well."""
        with self.world.lock:
            self.world.open_window(to.state, self.person)
            call = {
                **self._from(to.state), "id": f"wacid.{self.world.number()}", "event": "connect",
                "direction": "USER_INITIATED", "timestamp": str(int(time.time())),
                "to": "".join(filter(str.isdigit, to.state.display)),
            }  # fmt: skip
            value = {"contacts": [self._contact(to.state)], "calls": [call]}
            self.world.post(to.state, "calls", value, key=(to.id, self.person.phone))

    # Who they are

    def changes_number(self, numbers: list[FakeNumber], phone: str) -> None:
        """Take another phone number; every business they have written to is told, and knows them by another id."""
        old_phone = self.person.phone
        with self.world.lock:
            before = {number.id: self.user_id(number) for number in numbers}
            self.person.phone = phone
            self.person.renewals += 1
            for number in numbers:
                system: Json = {
                    "body": f"User {self.person.name} changed from {old_phone} to {phone}",
                    "type": "user_changed_number",
                }  # fmt: skip
                if not self.person.hides_phone:
                    system["wa_id"] = phone
                if self.person.shows_user_id:
                    system.update(user_id=self.user_id(number), previous_user_id=before[number.id])
                told: Json = {
                    "id": self.world.wamid(),
                    "timestamp": str(int(time.time())),
                    "type": "system",
                    "system": system,
                }
                if not self.person.hides_phone:
                    told["from"] = old_phone
                self.world.post(number.state, "messages", {"messages": [told]}, key=(number.id, old_phone))

    def stops_marketing(self, number: FakeNumber, *, stop: bool = True) -> None:
        """Refuse marketing messages of a business, or take that back."""
        with self.world.lock:
            stopped = self.person.stopped_marketing
            (stopped.add if stop else stopped.discard)(number.account.id)
            wish = {
                "wa_id": self.person.phone, "user_id": self.user_id(number), "category": "marketing_messages",
                "value": "stop" if stop else "resume", "timestamp": int(time.time()), "detail": "as asked",
            }  # fmt: skip
            value = {"contacts": [self._contact(number.state)], "user_preferences": [wish]}
            self.world.post(number.state, "user_preferences", value, key=(number.id, self.person.phone))

    # Reading

    def inbox(self, of: FakeNumber) -> list[FakeMessage]:
        """Return the messages a number has sent to this person that arrived, oldest first."""
        with self.world.lock:
            return [
                FakeMessage(sent)
                for sent in self.world.messages.values()
                if not sent.incoming
                and sent.person is self.person
                and sent.number is of.state
                and "failed" not in sent.statuses
                and sent.payload.get("type") != "reaction"
            ]

    def last(self, of: FakeNumber) -> FakeMessage:
        """Return the newest message of a number; raises LookupError where there is none."""
        messages = self.inbox(of)
        if not messages:
            raise LookupError(f"{of!r} has not written to {self!r}")
        return messages[-1]
