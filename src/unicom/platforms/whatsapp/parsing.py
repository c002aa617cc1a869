"""Translate a webhook into events, purely: any JSON gives events, nothing, or AnomalousPayload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from unicom.errors import AnomalousPayload
from unicom.platforms.whatsapp import contents, errors, people
from unicom.platforms.whatsapp.reading import Json, any_text, object_of, objects_of, optional_object, text_of, time_of
from unicom.types import (
    ButtonClicked,
    ContactChanged,
    ContactSeen,
    Conversation,
    Identity,
    IdentityChanged,
    InboundEvent,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    Person,
    PlatformTemplateChanged,
    ReactionChanged,
    StatusChanged,
    WindowOpened,
)

OBJECT = "whatsapp_business_account"
PLURAL = ("messages", "statuses", "message_echoes", "calls", "user_id_update", "user_preferences")
"""The arrays of a change, each of whose items is an event of its own."""
STATUSES = {"sent": "sent", "delivered": "delivered", "read": "seen", "played": "seen", "failed": "failed"}
MARKETING = "marketing"


def items(payload: Any) -> list[Json]:
    """Cut a payload into payloads of one message, one status, one change each."""
    if not isinstance(payload, Mapping):
        raise AnomalousPayload(f"A webhook is an object, not {type(payload).__name__}.")
    return [item for entry, change in _changes(payload) for item in _single(payload, entry, change)]


def _changes(payload: Json) -> Iterator[tuple[Json, Json]]:
    entries = objects_of(payload, "entry")
    if not entries:
        raise AnomalousPayload("entry: a list with at least one object is needed.")
    for entry in entries:
        for change in objects_of(entry, "changes"):
            yield entry, change


def _single(payload: Json, entry: Json, change: Json) -> Iterator[Json]:
    value = change.get("value")
    plural = [key for key in PLURAL if isinstance(value, Mapping) and isinstance(value.get(key), list) and value[key]]
    if not isinstance(value, Mapping) or not plural:
        yield _wrapped(payload, entry, change, value)
        return
    for key in plural:
        for item in value[key]:
            rest = {name: part for name, part in value.items() if name not in PLURAL}
            yield _wrapped(payload, entry, change, {**rest, key: [item]})


def _wrapped(payload: Json, entry: Json, change: Json, value: Any) -> Json:
    outer = {name: part for name, part in payload.items() if name != "entry"}
    around = {name: part for name, part in entry.items() if name != "changes"}
    return {**outer, "entry": [{**around, "changes": [{**change, "value": value}]}]}


def addresses(payload: Any) -> list[tuple[str, Json]]:
    """Return each item with whom it is for: a number's id, or ``account:<id>`` where it is the whole account's."""
    return [(_address(*place), item) for item in items(payload) for place in _changes(item)]


def addressees(payload: Any) -> set[str]:
    """Return whom a payload is for, without cutting it; raises AnomalousPayload."""
    if not isinstance(payload, Mapping):
        raise AnomalousPayload(f"A webhook is an object, not {type(payload).__name__}.")
    return {_address(*place) for place in _changes(payload)}


def _address(entry: Json, change: Json) -> str:
    value = change.get("value")
    metadata = value.get("metadata") if isinstance(value, Mapping) else None
    number = metadata.get("phone_number_id") if isinstance(metadata, Mapping) else None
    if isinstance(number, str) and number:
        return number
    account = entry.get("id")
    return f"account:{account}" if isinstance(account, str) else ""


def parse(payload: Any, scope: str) -> list[InboundEvent]:
    """Return what a payload tells; ``[]`` for what is known and not used yet."""
    if not isinstance(payload, Mapping):
        raise AnomalousPayload(f"A webhook is an object, not {type(payload).__name__}.")
    events: list[InboundEvent] = []
    for _, change in _changes(payload):
        field = text_of(change, "field")
        reader = _FIELDS.get(field)
        if reader is not None:
            events += reader(object_of(change, "value"), scope)
    return events


def _messages(value: Json, scope: str) -> list[InboundEvent]:
    events: list[InboundEvent] = []
    for message in objects_of(value, "messages"):
        events += _message(value, message, scope)
    for status in objects_of(value, "statuses"):
        events += _status(value, status, scope)
    return events


def _message(value: Json, message: Json, scope: str) -> list[InboundEvent]:
    wamid = text_of(message, "id", required=True)
    kind = text_of(message, "type", required=True)
    raw = {"message": dict(message), "contacts": list(objects_of(value, "contacts"))}
    if kind == "system":
        return _system(message, wamid, scope, raw)
    sender = people.sender(value, message, scope)
    where = people.conversation(sender, message)
    key, at = f"message:{wamid}", time_of(message)
    if kind == "edit":
        edited = object_of(message, "edit")
        content = contents.read(object_of(edited, "message"))
        return [
            MessageEdited(
                key=key,
                external_id=text_of(edited, "original_message_id", required=True),
                conversation=where,
                sender=sender,
                text=content.text if content else "",
                timestamp=at,
                raw=raw,
            )
        ]
    if kind == "revoke":
        deleted = text_of(object_of(message, "revoke"), "original_message_id", required=True)
        return [MessageDeleted(key=key, conversation=where, external_ids=(deleted,), timestamp=at, raw=raw)]
    if kind == "reaction":
        reaction = object_of(message, "reaction")
        emoji = text_of(reaction, "emoji")
        return [
            ReactionChanged(
                key=key,
                conversation=where,
                sender=sender,
                message_external_id=text_of(reaction, "message_id", required=True),
                reactions=(emoji,) if emoji else (),
                timestamp=at,
                raw=raw,
            )
        ]
    content = contents.read(message)
    if content is None:
        return []
    received = MessageReceived(
        key=key,
        external_id=wamid,
        conversation=where,
        sender=sender,
        text=content.text,
        media_type=content.media_type,
        files=content.files,
        reply_to=any_text(optional_object(message, "context"), "id"),
        timestamp=at,
        raw=raw,
    )
    if not content.token:
        return [received]
    clicked = ButtonClicked(
        key=f"click:{wamid}",
        sender=sender,
        token=content.token,
        conversation=where,
        message_external_id=received.reply_to,
        timestamp=at,
        raw=raw,
    )
    # A tap is a line of the conversation as well; the click tells of it, so that it is not answered twice.
    return [replace(received, is_click=True), clicked]


def _echoes(value: Json, scope: str) -> list[InboundEvent]:
    """What the business itself wrote in WhatsApp's own app, on a number that is used in both ways."""
    events: list[InboundEvent] = []
    for message in objects_of(value, "message_echoes"):
        wamid = text_of(message, "id", required=True)
        content = contents.read(message)
        ids = people.identities([any_text(message, key) for key in ("to", "to_user_id")], scope)
        if content is None or not ids:
            continue
        name = people.name_of(ids)
        aliases = tuple(item.value for item in ids if item.value != name)
        events.append(
            MessageReceived(
                key=f"message:{wamid}",
                external_id=wamid,
                conversation=Conversation(external_id=name, aliases=aliases),
                sender=Person(external_id=any_text(message, "from") or "business"),
                text=content.text,
                media_type=content.media_type,
                files=content.files,
                reply_to=any_text(optional_object(message, "context"), "id"),
                timestamp=time_of(message),
                is_echo=True,
                raw={"message": dict(message)},
            )
        )
    return events


def _system(message: Json, wamid: str, scope: str, raw: dict[str, Any]) -> list[InboundEvent]:
    system = object_of(message, "system")
    kind = text_of(system, "type")
    if kind not in ("user_changed_number", "customer_changed_number", "user_changed_user_id"):
        return []
    old = [any_text(message, key) for key in ("from", "from_user_id", "from_parent_user_id")]
    old += [any_text(system, key) for key in ("customer", "previous_user_id", "previous_parent_user_id")]
    new = [any_text(system, key) for key in ("wa_id", "new_wa_id", "user_id", "parent_user_id")]
    before, after = _by_kind(old, scope), _by_kind(new, scope)
    before = {kind: identity for kind, identity in before.items() if identity != after.get(kind)}
    return _changed(before, after, f"message:{wamid}", message, raw)


def _by_kind(ids: list[str], scope: str) -> dict[str, Identity]:
    return {identity.kind: identity for identity in people.identities(ids, scope)}


def _changed(
    before: Mapping[str, Identity], after: Mapping[str, Identity], key: str, told: Json, raw: dict[str, Any]
) -> list[InboundEvent]:
    if not before or not after:
        raise AnomalousPayload("system: the ids before and after the change are needed.")
    return [
        IdentityChanged(
            key=key, old=tuple(before.values()), new=tuple(after.values()), timestamp=time_of(told), raw=raw
        )
    ]


def _status(value: Json, status: Json, scope: str) -> list[InboundEvent]:
    wamid = text_of(status, "id", required=True)
    said = text_of(status, "status", required=True)
    raw = {"status": dict(status)}
    events: list[InboundEvent] = []
    person = people.of_status(status, value, scope)
    if person is not None and text_of(status, "recipient_type") != "group":
        events.append(ContactSeen(sender=person, conversation=people.conversation(person, {}), raw=raw))
    ours: Any = STATUSES.get(said)
    if ours is None:
        return events
    at = time_of(status)
    problems = objects_of(status, "errors")
    problem = errors.read(problems[0]) if problems else None
    failed = ours == "failed"
    events.append(
        StatusChanged(
            key=f"status:{wamid}:{said}:{int(at.timestamp()) if at else ''}",
            external_id=wamid,
            status=ours,
            timestamp=at,
            error=(problem.sentence if problem else "WhatsApp: it failed, and no reason was given") if failed else "",
            code=str(problem.code) if failed and problem and problem.code is not None else "",
            suppress=problem.row.suppress if failed and problem else "",
            suppress_scope=problem.row.suppress_scope if failed and problem else "",
            delivery_id=any_text(status, "biz_opaque_callback_data"),
            is_shared=True,
            details={
                name: dict(status[name])
                for name in ("pricing", "conversation")
                if isinstance(status.get(name), Mapping) and status[name]
            },
            raw=raw,
        )
    )
    return events


def _calls(value: Json, scope: str) -> list[InboundEvent]:
    """A call by the person opens the window as a message does."""
    events: list[InboundEvent] = []
    for call in objects_of(value, "calls"):
        if any_text(call, "event") == "connect" and any_text(call, "direction") != "BUSINESS_INITIATED":
            sender = people.sender(value, call, scope)
            events.append(
                WindowOpened(
                    key=f"call:{text_of(call, 'id', required=True)}",
                    sender=sender,
                    conversation=people.conversation(sender, {}),
                    timestamp=time_of(call),
                    raw={"call": dict(call)},
                )
            )
    return events


def _user_ids(value: Json, scope: str) -> list[InboundEvent]:
    events: list[InboundEvent] = []
    for change in objects_of(value, "user_id_update"):
        pairs = [optional_object(change, key) for key in ("user_id", "parent_user_id")]
        phone = any_text(change, "wa_id")
        before = _by_kind([any_text(pair, "previous") for pair in pairs], scope)
        after = _by_kind([phone, *(any_text(pair, "current") for pair in pairs)], scope)
        events += _changed(before, after, "", change, {"user_id_update": dict(change)})
    return events


def _preferences(value: Json, scope: str) -> list[InboundEvent]:
    events: list[InboundEvent] = []
    for wish in objects_of(value, "user_preferences"):
        said = any_text(wish, "value")
        if any_text(wish, "category") == "marketing_messages" and said in ("stop", "resume"):
            events.append(
                ContactChanged(
                    sender=_told_of(value, wish, scope),
                    reachable=said == "resume",
                    reason="" if said == "resume" else "the person stopped marketing messages",
                    scope=MARKETING,
                    timestamp=time_of(wish),
                    raw={"user_preferences": dict(wish)},
                )
            )
    return events


def _told_of(value: Json, event: Json, scope: str) -> Person:
    ids = {"from": any_text(event, "wa_id"), "from_user_id": any_text(event, "user_id")}
    return people.sender(value, ids, scope)


def _template_status(value: Json, scope: str) -> list[InboundEvent]:
    return [_template(value, status=text_of(value, "event", required=True).lower(), reason=any_text(value, "reason"))]


def _template_quality(value: Json, scope: str) -> list[InboundEvent]:
    return [_template(value, quality=text_of(value, "new_quality_score", required=True).lower())]


def _template_category(value: Json, scope: str) -> list[InboundEvent]:
    new = any_text(value, "new_category").lower()
    return [_template(value, category=new)] if new else []


def _template_contents(value: Json, scope: str) -> list[InboundEvent]:
    return [_template(value)]


def _template(value: Json, **changed: Any) -> PlatformTemplateChanged:
    return PlatformTemplateChanged(
        name=text_of(value, "message_template_name", required=True),
        language=text_of(value, "message_template_language", required=True),
        raw=dict(value),
        **changed,
    )


_FIELDS: Mapping[str, Callable[[Json, str], list[InboundEvent]]] = {
    "messages": _messages,
    "calls": _calls,
    "smb_message_echoes": _echoes,
    "user_id_update": _user_ids,
    "user_preferences": _preferences,
    "message_template_status_update": _template_status,
    "message_template_quality_update": _template_quality,
    "template_category_update": _template_category,
    "message_template_components_update": _template_contents,
}
