"""What the fake knows: an app, its accounts and numbers, people, messages, media and templates."""

from __future__ import annotations

import base64
import hashlib
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from unicom.testing.whatsapp.errors import Json

DAY = 86_400.0


@dataclass(kw_only=True, slots=True)
class Account:
    """A WhatsApp Business Account, of a business portfolio."""

    id: str
    business_id: str
    subscribed: bool = False
    templates: list[Json] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class Number:
    """A business phone number."""

    id: str
    display: str
    account: Account
    name: str = "Shop"
    status: str = "CONNECTED"
    quality: str = "GREEN"
    allowed: set[str] | None = None
    """Of a test number: whom alone it may write to."""


@dataclass(kw_only=True, slots=True)
class Person:
    """Somebody who uses WhatsApp."""

    phone: str
    name: str
    username: str = ""
    hides_phone: bool = False
    shows_user_id: bool = True
    """Whether webhooks carry the business-scoped id; before 2026 none did."""
    renewals: int = 0
    stopped_marketing: set[str] = field(default_factory=set)
    """Accounts whose marketing messages they refuse."""
    away: bool = False
    """Has no WhatsApp any more."""

    def user_id(self, business_id: str) -> str:
        """Return the id by which one business knows this person; another after each change of number."""
        seed = f"{self.phone}:{business_id}:{self.renewals}".encode()
        return f"DE.{int(hashlib.sha256(seed).hexdigest()[:16], 16)}"


@dataclass(kw_only=True, slots=True)
class Media:
    """A file as the servers keep it."""

    id: str
    data: bytes
    mime_type: str
    number_id: str
    name: str = ""
    expired: bool = False
    url_key: str = ""
    url_until: float = 0.0
    digest: str = ""
    """What is claimed as the digest, where it is to be wrong."""

    @property
    def sha256(self) -> str:
        """Return the digest in hexadecimal, as the API tells it."""
        return self.digest or hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """Something a careful client does not do, though the API would take it."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(kw_only=True, slots=True)
class Sent:
    """A message of the business to a person or a group, or of theirs to the business."""

    wamid: str
    number: Number
    person: Person | None
    payload: Json
    time: float
    incoming: bool = False
    statuses: list[str] = field(default_factory=list)
    opaque: str = ""
    by_user_id: bool = False


class World:
    """The state behind a fake; ``lock`` guards it."""

    def __init__(self, *, time_scale: float) -> None:
        self.lock = threading.RLock()
        self.time_scale = time_scale
        self.accounts: dict[str, Account] = {}
        self.numbers: dict[str, Number] = {}
        self.people: list[Person] = []
        self.messages: dict[str, Sent] = {}
        self.media: dict[str, Media] = {}
        self.windows: dict[tuple[str, str], float] = {}
        """Until when each number may write to each person, by ids."""
        self.violations: list[Violation] = []
        self.on_webhook: Callable[[Json, Any], None] = lambda payload, key: None
        self._count = itertools.count(1)

    def number(self) -> int:
        """Return a number nobody has had yet."""
        return next(self._count)

    def complain(self, where: str, what: str) -> None:
        """Note what a careful client does not do."""
        self.violations.append(Violation(where=where, what=what))

    def wamid(self) -> str:
        """Return the id of a new message."""
        inner = f"fake-message-{self.number():08d}".encode()
        return f"wamid.{base64.b64encode(inner).decode()}"

    def person_by(self, address: str, account: Account) -> Person | None:
        """Return whom a number or a business-scoped id means."""
        for person in self.people:
            if address in (person.phone, person.user_id(account.business_id)):
                return person
        return None

    def open_window(self, number: Number, person: Person, at: float | None = None) -> None:
        """Let a number write freely for 24 hours."""
        until = (at or time.time()) + DAY
        key = (number.id, person.phone)
        self.windows[key] = max(self.windows.get(key, 0.0), until)

    def is_open(self, number: Number, person: Person) -> bool:
        """Return whether a number may write freely to a person."""
        return time.time() < self.windows.get((number.id, person.phone), 0.0)

    # Webhooks

    def post(self, number: Number, field_name: str, value: Json, *, key: Any) -> None:
        """Have a change of a number told to the app."""
        metadata = {"display_phone_number": number.display, "phone_number_id": number.id}
        self.post_account(
            number.account, field_name, {"messaging_product": "whatsapp", "metadata": metadata, **value}, key=key
        )

    def post_account(self, account: Account, field_name: str, value: Json, *, key: Any = "") -> None:
        """Have a change of an account told to the app."""
        entry = {"id": account.id, "changes": [{"value": value, "field": field_name}]}
        self.on_webhook({"object": "whatsapp_business_account", "entry": [entry]}, key or account.id)

    def tell_status(self, sent: Sent, status: str, error: Json | None = None, at: float | None = None) -> None:
        """Have a status told."""
        sent.statuses.append(status)
        person = sent.person
        told: Json = {"id": sent.wamid, "status": status, "timestamp": str(int(at or time.time()))}
        if person is not None:
            user_id = person.user_id(sent.number.account.business_id)
            if not person.hides_phone or not sent.by_user_id:
                told["recipient_id"] = person.phone
            if person.shows_user_id:
                told["recipient_user_id"] = user_id
        else:
            told.update(recipient_id=str(sent.payload.get("to", "")), recipient_type="group")
        if status in ("sent", "delivered", "read"):
            category = "service" if sent.payload.get("type") != "template" else "utility"
            told["pricing"] = {"billable": True, "pricing_model": "PMP", "category": category, "type": "regular"}
        if sent.opaque:
            told["biz_opaque_callback_data"] = sent.opaque
        if error is not None:
            told["errors"] = [error]
        self.post(sent.number, "messages", {"statuses": [told]}, key=sent.wamid)
