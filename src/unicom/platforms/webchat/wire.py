"""Put messages and chats into the shape browsers rely on, for views and sockets alike."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from django.utils import timezone

from unicom.models import Chat, Message
from unicom.platforms.webchat.links import Link, plain_link
from unicom.platforms.webchat.markup import safe_html


def message_dict(message: Message, link: Link = plain_link) -> dict[str, Any]:
    """Return one message; the same everywhere, but for the way to its file."""
    raw = message.raw if isinstance(message.raw, dict) else {}
    tool = raw.get("tool_call") or raw.get("tool_response") or {}
    return {
        "id": message.pk,
        "text": message.text,
        "html": safe_html(message.html),
        "is_outgoing": message.is_outgoing,
        "sender_name": message.sender_name,
        "timestamp": timezone.localtime(message.timestamp).isoformat(),
        "media_type": message.media_type,
        "media_url": link(message) if message.media else None,
        "media_name": PurePosixPath(message.media.name or "").name if message.media else None,
        "reply_to_message_id": message.reply_to_message_id,
        "chat_id": message.chat_id,
        "interactive_buttons": raw.get("interactive_buttons"),
        "progress_updates_for_user": raw.get("progress_updates_for_user") or tool.get("progress_updates_for_user"),
        "result_status": raw.get("result_status") or tool.get("result_status"),
        "client_msg_id": raw.get("client_msg_id"),
        "is_streaming": bool(raw.get("is_streaming") or (raw.get("llm") or {}).get("partial")),
        "edited_at": timezone.localtime(message.edited_at).isoformat() if message.edited_at else None,
    }


def chat_dict(chat: Chat) -> dict[str, Any]:
    """Return one line of the chat list; ``last_message`` must be loaded, and ``unread`` counted."""
    last = chat.last_message
    return {
        "id": chat.pk,
        "name": chat.name,
        "platform": chat.platform,
        "channel_id": chat.channel_id,
        "is_archived": chat.is_archived,
        "metadata": chat.metadata,
        "last_message": (
            {"text": last.text, "timestamp": timezone.localtime(last.timestamp).isoformat()} if last else None
        ),
        "unread_count": getattr(chat, "unread", 0),
    }
