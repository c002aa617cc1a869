"""Write what one message is, with nothing around it: the measure of the inbound benchmarks, and their URLs."""

from __future__ import annotations

import json

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from unicom.ids import uuid7
from unicom.models import Chat, InboundReceipt, Job, Message, Request


@csrf_exempt
def bare(request: HttpRequest) -> JsonResponse:
    """Insert a message, its request and its job, and number it in its chat, in one transaction."""
    chat_id, text = request.POST["chat_id"], request.POST["text"]
    now = timezone.now()
    with transaction.atomic():
        key = uuid7()
        Chat.objects.filter(pk=chat_id).update(last_seq=F("last_seq") + 1, last_message_id=key, last_message_at=now)
        chat = Chat.objects.get(pk=chat_id)
        message = Message.objects.create(
            id=key,
            channel_id=chat.channel_id,
            chat_id=chat_id,
            platform="WebChat",
            seq=chat.last_seq,
            is_outgoing=False,
            sender_name="Guest",
            text=text,
            timestamp=now,
        )
        asked = Request.objects.create(
            message=message, channel_id=chat.channel_id, chat_id=chat_id, status=Request.Status.QUEUED
        )
        Job.objects.create(
            kind="bare", key=message.pk, args={"message": message.pk, "request": asked.pk}, lane=f"bare:{chat_id}"
        )
    return JsonResponse({"success": True, "chat_id": chat_id, "message": {"id": message.pk, "text": text}})


@csrf_exempt
def bare_webhook(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Insert the receipt, the message, its request and its job, and number it in its chat, in one transaction."""
    update = json.loads(request.body)
    content = update["message"]
    chat_id, account_id = f"telegram_{channel_id}_{content['chat']['id']}", f"telegram_{content['from']['id']}"
    now = timezone.now()
    with transaction.atomic():
        InboundReceipt.objects.create(channel_id=channel_id, key=f"update:{update['update_id']}")
        key = uuid7()
        Chat.objects.filter(pk=chat_id).update(last_seq=F("last_seq") + 1, last_message_id=key, last_message_at=now)
        message = Message.objects.create(
            id=key,
            channel_id=channel_id,
            chat_id=chat_id,
            platform="Telegram",
            external_id=f"{content['chat']['id']}:{content['message_id']}",
            seq=Chat.objects.values_list("last_seq", flat=True).get(pk=chat_id),
            is_outgoing=False,
            sender_id=account_id,
            sender_name=content["from"]["first_name"],
            text=content["text"],
            raw=content,
            timestamp=now,
        )
        asked = Request.objects.create(
            message=message, channel_id=channel_id, chat_id=chat_id, account_id=account_id, status="QUEUED"
        )
        Job.objects.create(
            kind="bare", key=message.pk, args={"message": message.pk, "request": asked.pk}, lane=f"bare:{chat_id}"
        )
    return HttpResponse()


urlpatterns = [
    path("bare/", bare),
    path("bare/<int:channel_id>", bare_webhook),
    path("unicom/", include("unicom.urls")),
]
