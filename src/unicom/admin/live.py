"""Keep a conversation that staff look at up to date, and let the other side know that they look and write."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from django.contrib.admin.utils import quote
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import quote_etag

from unicom import live
from unicom.adapters import adapter_for
from unicom.admin import conversation
from unicom.errors import UnicomError
from unicom.ids import digest
from unicom.models import Chat, Message

logger = logging.getLogger("unicom")


def address(chat: Chat, site_name: str) -> str:
    """Return where the page asks for what is new."""
    return reverse("admin:unicom_chat_live", args=[quote(chat.pk)], current_app=site_name)


def newest(request: HttpRequest, chat: Chat, *, may_reply: bool) -> HttpResponse:
    """Return the newest messages as the page shows them; 304 where the page shows them already."""
    context: dict[str, Any] = {"page": conversation.load(chat), "reply_form": may_reply, "may_read": True}
    body = render_to_string("admin/unicom/chat/bubbles.html", context, request)
    etag = quote_etag(digest(body))
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers={"ETag": etag, "Cache-Control": "no-store"})
    return HttpResponse(body, headers={"ETag": etag, "Cache-Control": "private, no-store"})


def seen(chat: Chat, user: Any) -> None:
    """Note that somebody of ours has read a chat up to now; whoever wrote is told, where the platform can."""
    if not Chat.objects.filter(pk=chat.pk, read_seq__lt=chat.last_seq).update(read_seq=chat.last_seq):
        return
    last = Message.objects.filter(chat=chat, is_outgoing=False, seq__lte=chat.last_seq).order_by("-seq").first()
    if last is not None:
        live.read(chat, message_id=last.pk, name=user.get_full_name() or user.get_username(), is_outgoing=True)


def writing(chat: Chat) -> None:
    """Show on our own pages that an answer is being written; other platforms are not asked from a request."""
    try:
        adapter = adapter_for(chat.channel)
    except UnicomError:
        return
    with contextlib.closing(adapter):
        if adapter.is_local and adapter.supports_typing:
            adapter.typing(chat.pk)
