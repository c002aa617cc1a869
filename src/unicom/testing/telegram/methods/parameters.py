"""Which parameters each method has: any other is ignored by the real server and recorded as a violation here."""

from __future__ import annotations

_EPHEMERAL = "ephemeral_message_parameters receiver_user_id callback_query_id"
_FLAGS = "disable_notification protect_content"
_LEGACY_REPLY = "allow_sending_without_reply reply_to_message_id"
_TARGET = "chat_id business_connection_id message_thread_id direct_messages_topic_id"
_SEND = (
    f"{_TARGET} {_FLAGS} allow_paid_broadcast message_effect_id suggested_post_parameters reply_parameters "
    f"reply_markup {_EPHEMERAL} {_LEGACY_REPLY}"
)
_CAPTION = "caption parse_mode caption_entities"
_ABOVE = "show_caption_above_media has_spoiler"
_EDIT = "business_connection_id chat_id message_id inline_message_id reply_markup"
_PLACE = "latitude longitude"
_POLL = (
    "question question_parse_mode question_entities options is_anonymous type allows_multiple_answers allows_revoting "
    "shuffle_options allow_adding_options hide_results_until_closes members_only country_codes correct_option_ids "
    "explanation explanation_parse_mode explanation_entities explanation_media open_period close_date is_closed "
    "description description_parse_mode description_entities media correct_option_id"
)

_TABLE = {
    "getMe": "",
    "logOut": "",
    "close": "",
    "setWebhook": "url certificate ip_address max_connections allowed_updates drop_pending_updates secret_token",
    "deleteWebhook": "drop_pending_updates",
    "getWebhookInfo": "",
    "getUpdates": "offset limit timeout allowed_updates",
    "sendMessage": f"{_SEND} text parse_mode entities link_preview_options disable_web_page_preview",
    "sendPhoto": f"{_SEND} photo {_CAPTION} {_ABOVE}",
    "sendDocument": f"{_SEND} document thumbnail {_CAPTION} disable_content_type_detection",
    "sendAudio": f"{_SEND} audio {_CAPTION} duration performer title thumbnail",
    "sendVoice": f"{_SEND} voice {_CAPTION} duration",
    "sendVideo": (
        f"{_SEND} video duration width height thumbnail cover start_timestamp {_CAPTION} {_ABOVE} supports_streaming"
    ),
    "sendAnimation": f"{_SEND} animation duration width height thumbnail {_CAPTION} {_ABOVE}",
    "sendVideoNote": f"{_SEND} video_note duration length thumbnail",
    "sendSticker": f"{_SEND} sticker emoji",
    "sendMediaGroup": (
        f"{_TARGET} media {_FLAGS} allow_paid_broadcast message_effect_id reply_parameters {_LEGACY_REPLY}"
    ),
    "sendLocation": f"{_SEND} {_PLACE} horizontal_accuracy live_period heading proximity_alert_radius",
    "sendVenue": f"{_SEND} {_PLACE} title address foursquare_id foursquare_type google_place_id google_place_type",
    "sendContact": f"{_SEND} phone_number first_name last_name vcard",
    "sendPoll": (
        f"chat_id business_connection_id message_thread_id {_POLL} {_FLAGS} allow_paid_broadcast message_effect_id "
        f"reply_parameters reply_markup {_LEGACY_REPLY}"
    ),
    "sendDice": (
        f"{_TARGET} emoji {_FLAGS} allow_paid_broadcast message_effect_id suggested_post_parameters reply_parameters "
        f"reply_markup {_LEGACY_REPLY}"
    ),
    "sendChatAction": "chat_id action business_connection_id message_thread_id",
    "sendMessageDraft": "chat_id draft_id message_thread_id text parse_mode entities can_stop keep_on_stop",
    "copyMessage": (
        "chat_id from_chat_id message_id message_thread_id direct_messages_topic_id video_start_timestamp "
        f"{_CAPTION} show_caption_above_media {_FLAGS} allow_paid_broadcast message_effect_id "
        f"suggested_post_parameters reply_parameters reply_markup {_LEGACY_REPLY}"
    ),
    "forwardMessage": (
        "chat_id from_chat_id message_id message_thread_id direct_messages_topic_id video_start_timestamp "
        f"{_FLAGS} message_effect_id suggested_post_parameters"
    ),
    "editMessageText": (f"{_EDIT} text parse_mode entities link_preview_options rich_message disable_web_page_preview"),
    "editMessageCaption": f"{_EDIT} {_CAPTION} show_caption_above_media",
    "editMessageMedia": f"{_EDIT} media",
    "editMessageReplyMarkup": _EDIT,
    "deleteMessage": "chat_id message_id",
    "deleteMessages": "chat_id message_ids",
    "deleteBusinessMessages": "business_connection_id message_ids",
    "answerCallbackQuery": "callback_query_id text show_alert url cache_time",
    "setMessageReaction": "chat_id message_id reaction is_big",
    "getFile": "file_id",
    "getChat": "chat_id",
    "getChatMember": "chat_id user_id",
    "getChatMemberCount": "chat_id",
    "leaveChat": "chat_id",
    "setMyCommands": "commands scope language_code",
    "getMyCommands": "scope language_code",
    "deleteMyCommands": "scope language_code",
    "getBusinessConnection": "business_connection_id",
    "readBusinessMessage": "business_connection_id chat_id message_id",
    "pinChatMessage": "chat_id message_id business_connection_id disable_notification",
}

PARAMETERS = {method: frozenset(names.split()) for method, names in _TABLE.items()}
"""The known parameters by method, spelled as the documentation spells it."""
