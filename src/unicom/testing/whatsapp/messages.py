"""Take the messages of a business: check them, deliver them to people, tell how far they came."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from unicom.testing.whatsapp import checks, templates
from unicom.testing.whatsapp.accounts import number_of
from unicom.testing.whatsapp.errors import GraphError, Json, graph_error, invalid, missing
from unicom.testing.whatsapp.world import Number, Person, Sent

if TYPE_CHECKING:
    from unicom.testing.whatsapp.api import Context


def send(context: Context) -> Json:
    """Accept a message, or mark one as read."""
    number = number_of(context)
    if "status" in context.params:
        return _read(context, number)
    message = {key: value for key, value in context.params.items() if key != "access_token"}
    kind = checks.check(message, context.complain)
    person = _recipient(context, number, message)
    _check_media(context, number, message, kind)
    text = checks.shown_text(message)
    template: Json = {}
    if kind == "template":
        template, text = templates.render(number.account, message["template"])
    wamid = context.world.wamid()
    sent = Sent(
        wamid=wamid, number=number, person=person, payload=message, time=time.time(),
        opaque=str(message.get("biz_opaque_callback_data", "")), by_user_id=not message.get("to"),
    )  # fmt: skip
    context.world.messages[wamid] = sent
    context.wamid, context.text = wamid, text
    context.after.append(partial(_tell, context, sent, template))
    contact: Json = {"input": context.recipient}
    if person is not None:
        contact["user_id"] = person.user_id(number.account.business_id)
        if message.get("to"):
            contact["wa_id"] = person.phone
    return {
        "messaging_product": "whatsapp", "contacts": [contact],
        "messages": [{"id": wamid, **({"message_status": "accepted"} if kind == "template" else {})}],
    }  # fmt: skip


def _recipient(context: Context, number: Number, message: Json) -> Person | None:
    address = message.get("to") or message.get("recipient")
    if not isinstance(address, str) or not address:
        raise missing("to")
    if message.get("recipient_type") == "group":
        return None
    digits = address.lstrip("+")
    if digits == "".join(filter(str.isdigit, number.display)):
        raise graph_error(131021)
    if message.get("to") and not digits.isdigit():
        raise invalid("to: the phone number is not valid")
    if number.allowed is not None and digits not in number.allowed:
        raise graph_error(131030)
    return context.world.person_by(digits, number.account)


def _check_media(context: Context, number: Number, message: Json, kind: str) -> None:
    content = message.get(kind)
    media_id = content.get("id") if kind in checks.MEDIA and isinstance(content, dict) else None
    if media_id is None:
        return
    found = context.world.media.get(str(media_id))
    if found is None or found.expired or found.number_id != number.id:
        raise invalid(f"Media ID {media_id!r} is not valid for this number")
    fits = {"image": "image/", "audio": "audio/", "video": "video/"}.get(kind, "")
    if not found.mime_type.startswith(fits):
        raise graph_error(131053, f"a file of type {found.mime_type} cannot be sent as {kind}")


def _failure(context: Context, sent: Sent, template: Json) -> GraphError | None:
    """Return why a message that was accepted does not arrive."""
    world, person, number = context.world, sent.person, sent.number
    scripted = context.settings.failures.get(context.recipient)
    if scripted is not None:
        return graph_error(scripted)
    if sent.payload.get("recipient_type") == "group":
        return None
    if person is None or person.away:
        return graph_error(131026)
    if not template and not world.is_open(number, person):
        return graph_error(
            131047, "Message failed to send because more than 24 hours have passed since the customer last replied"
        )
    if template.get("category") == "MARKETING" and number.account.id in person.stopped_marketing:
        return graph_error(131050)
    return None


def _tell(context: Context, sent: Sent, template: Json) -> None:
    failure = _failure(context, sent, template)
    if failure is not None:
        context.world.tell_status(sent, "failed", failure.in_status())
        return
    for status in context.settings.auto_statuses:
        context.world.tell_status(sent, status)


def _read(context: Context, number: Number) -> Json:
    params = context.params
    if params.get("status") != "read":
        raise invalid("status must be read")
    found = context.world.messages.get(str(params.get("message_id", "")))
    if found is None or not found.incoming or found.number is not number:
        raise invalid("message_id: the message does not exist")
    found.statuses.append("read")
    indicator = params.get("typing_indicator")
    if indicator is not None:
        if indicator != {"type": "text"}:
            raise invalid("typing_indicator must be {'type': 'text'}")
        found.statuses.append("typing")
    return {"success": True}
