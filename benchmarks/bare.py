"""Write what one message is, with nothing around it: the measure of the inbound benchmark, and its URLs."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from unicom.ids import uuid7
from unicom.models import Chat, Job, Message, Request


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


urlpatterns = [path("bare/", bare), path("unicom/", include("unicom.urls"))]
