"""The methods of the Bot API that the fake speaks, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unicom.testing.telegram.methods import account, editing, sending, updates
from unicom.testing.telegram.methods.context import Context
from unicom.testing.telegram.methods.parameters import PARAMETERS

Method = Callable[[Context], Any]

METHODS: Mapping[str, Method] = {
    "getMe": account.get_me,
    "logOut": updates.no_effect,
    "close": updates.no_effect,
    "deleteWebhook": updates.delete_webhook,
    "getWebhookInfo": updates.get_webhook_info,
    "sendMessage": sending.send_message,
    "sendPhoto": sending.send_photo,
    "sendDocument": sending.send_document,
    "sendAudio": sending.send_audio,
    "sendVoice": sending.send_voice,
    "sendVideo": sending.send_video,
    "sendAnimation": sending.send_animation,
    "sendVideoNote": sending.send_video_note,
    "sendSticker": sending.send_sticker,
    "sendMediaGroup": sending.send_media_group,
    "sendLocation": sending.send_location,
    "sendVenue": sending.send_venue,
    "sendContact": sending.send_contact,
    "sendPoll": sending.send_poll,
    "sendDice": sending.send_dice,
    "sendChatAction": sending.send_chat_action,
    "sendMessageDraft": sending.send_message_draft,
    "copyMessage": sending.copy_message,
    "forwardMessage": sending.forward_message,
    "editMessageText": editing.edit_message_text,
    "editMessageCaption": editing.edit_message_caption,
    "editMessageMedia": editing.edit_message_media,
    "editMessageReplyMarkup": editing.edit_message_reply_markup,
    "deleteMessage": editing.delete_message,
    "deleteMessages": editing.delete_messages,
    "deleteBusinessMessages": editing.delete_business_messages,
    "answerCallbackQuery": editing.answer_callback_query,
    "setMessageReaction": editing.set_message_reaction,
    "getFile": account.get_file,
    "getChat": account.get_chat,
    "getChatMember": account.get_chat_member,
    "getChatMemberCount": account.get_chat_member_count,
    "leaveChat": account.leave_chat,
    "setMyCommands": account.set_my_commands,
    "getMyCommands": account.get_my_commands,
    "deleteMyCommands": account.delete_my_commands,
    "getBusinessConnection": account.get_business_connection,
    "readBusinessMessage": account.read_business_message,
    "pinChatMessage": account.pin_chat_message,
}
"""All but ``setWebhook`` and ``getUpdates``, which need to know more than the call."""

SPELLING: Mapping[str, str] = {name.lower(): name for name in PARAMETERS}
"""The real server does not mind the case of a method's name."""

SENDING = frozenset(
    name.lower()
    for name in METHODS
    if (name.startswith("send") and name not in ("sendChatAction", "sendMessageDraft"))
    or name in ("copyMessage", "forwardMessage")
)
"""The methods that count against the limits."""

__all__ = ["METHODS", "PARAMETERS", "SENDING", "SPELLING", "Context", "Method"]
