"""Read who it was: a phone number, an id that holds within one business, or both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from unicom.errors import AnomalousPayload, InvalidMessage
from unicom.platforms.whatsapp.reading import Json, any_text, objects_of, optional_object, text_of
from unicom.types import Conversation, Identity, Person

PHONE, BSUID, PARENT = "phone", "bsuid", "parent_bsuid"
KEYS = (BSUID, PARENT, PHONE)
"""By which an account is found; the strongest first, for a number may pass to somebody else."""
_BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")
_PARENT = re.compile(r"[A-Z]{2}\.ENT\.[A-Za-z0-9]{1,128}")
_DIGITS = re.compile(r"[0-9]{5,20}")
_GROUP = re.compile(r"[A-Za-z0-9+/=_@.-]{8,200}")


def kind_of(value: str) -> str:
    """Return what an id is: ``phone``, ``bsuid``, ``parent_bsuid``, or nothing for a group's."""
    if _DIGITS.fullmatch(value):
        return PHONE
    if _PARENT.fullmatch(value):
        return PARENT
    return BSUID if _BSUID.fullmatch(value) else ""


def address(value: str) -> str:
    """Return a chat's id as WhatsApp writes it, from how people write it; raises InvalidMessage."""
    text = value.strip()
    if re.fullmatch(r"\+?[\d\s()./-]+", text) and text.isascii():
        digits = re.sub(r"\D", "", text)
        if text.startswith("00"):
            digits = digits[2:]
        if not 7 <= len(digits) <= 15:
            raise InvalidMessage({"chat_id": f"{value!r} is no phone number; it needs 7 to 15 digits, country first"})
        return digits
    if kind_of(text) or (_GROUP.fullmatch(text) and not text.isalpha()):
        return text
    raise InvalidMessage(
        {"chat_id": f"{value[:60]!r} is neither a phone number, such as +4915112345678, nor an id of WhatsApp's"}
    )


def recipient(chat: str) -> dict[str, str]:
    """Return the keys of a call that say to whom it goes."""
    kind = kind_of(chat)
    if kind == PHONE:
        return {"recipient_type": "individual", "to": chat}
    if kind:
        return {"recipient_type": "individual", "recipient": chat}
    return {"recipient_type": "group", "to": chat}


def identities(ids: Iterable[str], scope: str) -> tuple[Identity, ...]:
    """Return what is known of somebody, the strongest first; WhatsApp vouches for all of it."""
    found: dict[str, Identity] = {}
    for value in ids:
        kind = kind_of(value)
        if kind and kind not in found:
            # Only the plain id is one portfolio's; a number and a parent's id are the same everywhere.
            found[kind] = Identity(kind=kind, value=value, scope=scope if kind == BSUID else "", verified=True)
    return tuple(found[kind] for kind in KEYS if kind in found)


def name_of(known: tuple[Identity, ...]) -> str:
    """Return the id a person goes by at first: the number where it is known."""
    by_kind = {identity.kind: identity.value for identity in known}
    return next((by_kind[kind] for kind in (PHONE, BSUID, PARENT) if kind in by_kind), "")


def sender(value: Json, message: Json, scope: str) -> Person:
    """Return who wrote a message; what the contacts say of them is added."""
    ids = [text_of(message, key) for key in ("from", "from_user_id", "from_parent_user_id")]
    contact = _contact(value, ids)
    ids += [any_text(contact, key) for key in ("wa_id", "user_id", "parent_user_id")]
    return _person(identities(ids, scope), contact)


def _person(known: tuple[Identity, ...], contact: Json) -> Person:
    external_id = name_of(known)
    if not external_id:
        raise AnomalousPayload("from: neither a number nor a business-scoped id says who it was.")
    profile = optional_object(contact, "profile")
    return Person(
        external_id=external_id,
        name=any_text(profile, "name")[:255],
        username=any_text(profile, "username")[:255],
        identities=known,
        raw=dict(contact),
    )


def _contact(value: Json, ids: list[str]) -> Mapping[str, object]:
    contacts = objects_of(value, "contacts")
    for contact in contacts:
        if any(contact.get(key) in ids for key in ("wa_id", "user_id", "parent_user_id") if contact.get(key)):
            return contact
    # Of a single contact it is clear whom it is about, unless it says otherwise.
    alone = contacts[0] if len(contacts) == 1 and not any(ids) else {}
    return alone


def of_status(status: Json, value: Json, scope: str) -> Person | None:
    """Return whom a status is about, where it tells more than one id of them."""
    ids = [any_text(status, key) for key in ("recipient_id", "recipient_user_id", "parent_recipient_user_id")]
    ids.append(any_text(status, "recipient_parent_user_id"))
    contact = _contact(value, [item for item in ids if item])
    known = identities([*ids, *(any_text(contact, key) for key in ("wa_id", "user_id", "parent_user_id"))], scope)
    return _person(known, contact) if len(known) > 1 else None


def of_event(event: Json, scope: str) -> Person:
    """Return whom an event of another field is about."""
    return _person(identities([any_text(event, key) for key in ("wa_id", "user_id", "parent_user_id")], scope), {})


def conversation(person: Person, message: Json) -> Conversation:
    """Return where it was said: in a group, or between the two."""
    group = text_of(message, "group_id")
    if group:
        return Conversation(external_id=group, is_group=True)
    return Conversation(
        external_id=person.external_id,
        name=person.name,
        aliases=tuple(item.value for item in person.identities if item.value != person.external_id),
    )
