"""The methods that make messages."""

from __future__ import annotations

from typing import Any

from unicom.testing.telegram.errors import Json, bad_request
from unicom.testing.telegram.media import media_json
from unicom.testing.telegram.methods.context import MAX_CAPTION, MAX_TEXT, Context
from unicom.testing.telegram.methods.posting import post, prepare

ACTIONS = {
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
    "choose_sticker", "find_location", "record_video_note", "upload_video_note",
}  # fmt: skip
WITH_CAPTION = ("photo", "document", "audio", "voice", "video", "animation")
ALBUM_KINDS = ("photo", "video", "document", "audio")
DETAILS = ("duration", "width", "height", "length")
MAX_OPTIONS = 12


def send_message(context: Context) -> Json:
    """Send a text."""
    prepared = prepare(context)
    if not context.params.text("text"):
        raise bad_request("message text is empty")
    text, entities = context.formatted("text")
    if not text:
        raise bad_request("text must be non-empty")
    context.text = text
    content: Json = {"text": text, "entities": entities} if entities else {"text": text}
    preview = context.params.object("link_preview_options", what="link preview options")
    if preview:
        content["link_preview_options"] = preview
    return post(context, prepared, content)


def send_media(context: Context, kind: str) -> Json:
    """Send one file with its caption."""
    prepared = prepare(context)
    content = context.caption() if kind in WITH_CAPTION else {}
    params = context.params
    stored = context.world.files.take(context.bot.id, kind, params, params.text(kind), field=kind)
    extra: Json = {name: params.integer(name) for name in DETAILS if name in params}
    extra.update({name: params.text(name) for name in ("performer", "title", "emoji") if name in params})
    # A file sent again by its id keeps its kind, whatever the method is called.
    content[stored.kind] = media_json(stored, extra)
    if stored.kind == "animation":
        # Old clients read it as a document.
        content["document"] = {
            name: content["animation"][name]
            for name in ("file_id", "file_unique_id", "file_name", "mime_type", "file_size")
            if name in content["animation"]
        }
    if params.boolean("has_spoiler"):
        content["has_media_spoiler"] = True
    return post(context, prepared, content)


def send_photo(context: Context) -> Json:
    """Send a photo."""
    return send_media(context, "photo")


def send_document(context: Context) -> Json:
    """Send a file of any kind."""
    return send_media(context, "document")


def send_audio(context: Context) -> Json:
    """Send music."""
    return send_media(context, "audio")


def send_voice(context: Context) -> Json:
    """Send a voice message."""
    return send_media(context, "voice")


def send_video(context: Context) -> Json:
    """Send a video."""
    return send_media(context, "video")


def send_animation(context: Context) -> Json:
    """Send a silent video."""
    return send_media(context, "animation")


def send_video_note(context: Context) -> Json:
    """Send a round video."""
    return send_media(context, "video_note")


def send_sticker(context: Context) -> Json:
    """Send a sticker."""
    return send_media(context, "sticker")


def send_media_group(context: Context) -> list[Json]:
    """Send an album: all of its messages or none."""
    prepared = prepare(context)
    items = context.params.array("media", what="media")
    if not items:
        raise bad_request("there is no media in the request")
    if not 2 <= len(items) <= 10:
        few = len(items) < 2
        raise bad_request("wrong number of media in the album" if few else "too many messages to send as an album")
    if "reply_markup" in context.params:
        context.complain("reply_markup: an album has none")
    contents = [media_item(context, item, album=True) for item in items]
    kinds = {kind for kind in ALBUM_KINDS for content in contents if kind in content}
    if len(kinds) > 1 and not kinds <= {"photo", "video"}:
        raise bad_request("can't use the media of the specified type in the album")
    group_id = str(13_000_000_000_000_000 + context.world.number())
    context.text = next((content["caption"] for content in contents if "caption" in content), "")
    chat, fields, _ = prepared
    return [post(context, (chat, fields, None), {"media_group_id": group_id, **content}) for content in contents]


def media_item(context: Context, item: Any, *, album: bool = False) -> Json:
    """Return the content of a message made of an InputMedia."""
    if not isinstance(item, dict):
        raise bad_request("can't parse InputMedia: expected an Object")
    kind = str(item.get("type"))
    if kind not in (ALBUM_KINDS if album else WITH_CAPTION):
        raise bad_request(f"can't parse InputMedia: type {kind!r} is unsupported")
    text, entities = context.format(
        str(item.get("caption", "")), str(item.get("parse_mode", "")), item.get("caption_entities"), limit=MAX_CAPTION
    )
    stored = context.world.files.take(context.bot.id, kind, context.params, str(item.get("media", "")))
    content: Json = {stored.kind: media_json(stored, item)}
    if text:
        content["caption"] = text
    if entities:
        content["caption_entities"] = entities
    return content


def send_location(context: Context) -> Json:
    """Send a point on the map."""
    prepared = prepare(context)
    return post(context, prepared, {"location": _location(context)})


def send_venue(context: Context) -> Json:
    """Send a place."""
    prepared = prepare(context)
    venue: Json = {"location": _location(context)}
    for name in ("title", "address"):
        if name not in context.params:
            raise bad_request(f"venue {name} must be non-empty")
        venue[name] = context.params.text(name)
    return post(context, prepared, {"location": venue["location"], "venue": venue})


def _location(context: Context) -> Json:
    latitude, longitude = context.params.number("latitude"), context.params.number("longitude")
    if latitude is None or not -90 <= latitude <= 90:
        raise bad_request("can't parse latitude" if latitude is None else "wrong latitude specified")
    if longitude is None or not -180 <= longitude <= 180:
        raise bad_request("can't parse longitude" if longitude is None else "wrong longitude specified")
    return {"latitude": latitude, "longitude": longitude}


def send_contact(context: Context) -> Json:
    """Send a phone number and a name."""
    prepared = prepare(context)
    contact: Json = {}
    for name, sentence in (("phone_number", "phone number is empty"), ("first_name", "first name is empty")):
        if name not in context.params:
            raise bad_request(sentence)
        contact[name] = context.params.text(name)
    for name in ("last_name", "vcard"):
        if name in context.params:
            contact[name] = context.params.text(name)
    return post(context, prepared, {"contact": contact})


def send_poll(context: Context) -> Json:
    """Ask a question with answers to choose from."""
    prepared = prepare(context)
    params = context.params
    options = params.array("options", what="options") or []
    texts = [option.get("text") if isinstance(option, dict) else option for option in options]
    if not 1 <= len(params.text("question")) <= 300:
        missing = "question" not in params
        raise bad_request(f"poll question {'must be non-empty' if missing else 'length must not exceed 300'}")
    if not 2 <= len(texts) <= MAX_OPTIONS:
        raise bad_request(
            "poll must have at least 2 option" if len(texts) < 2 else f"poll can't have more than {MAX_OPTIONS} options"
        )
    if any(not isinstance(text, str) or not 1 <= len(text) <= 100 for text in texts):
        raise bad_request("poll options length must not exceed 100")
    poll = {
        "id": str(5_000_000_000_000_000_000 + context.world.number()),
        "question": params.text("question"),
        "options": [{"persistent_id": str(at), "text": text, "voter_count": 0} for at, text in enumerate(texts)],
        "total_voter_count": 0,
        "is_closed": params.boolean("is_closed"),
        "is_anonymous": params.boolean("is_anonymous") if "is_anonymous" in params else True,
        "type": params.text("type", "regular"),
        "allows_multiple_answers": params.boolean("allows_multiple_answers"),
        "allows_revoting": params.boolean("allows_revoting"),
        "members_only": params.boolean("members_only"),
    }
    return post(context, prepared, {"poll": poll})


def send_dice(context: Context) -> Json:
    """Throw a die."""
    prepared = prepare(context)
    return post(context, prepared, {"dice": {"emoji": context.params.text("emoji", "🎲"), "value": 4}})


def copy_message(context: Context) -> Json:
    """Send another message's content as one's own; returns its id only."""
    return {"message_id": _again(context, forward=False)["message_id"]}


def forward_message(context: Context) -> Json:
    """Forward a message."""
    return _again(context, forward=True)


def _again(context: Context, *, forward: bool) -> Json:
    prepared = prepare(context)
    source = context.chat("from_chat_id").messages.get(context.params.integer("message_id"))
    if source is None:
        raise bad_request(f"message to {'forward' if forward else 'copy'} not found")
    context.chat_id = prepared[0].id
    kept = ("text", "entities", "caption", "caption_entities", "location", "venue", "contact", "dice", "poll")
    content = {name: source[name] for name in (*kept, *WITH_CAPTION, "video_note", "sticker") if name in source}
    if not content:
        raise bad_request(f"message can't be {'forwarded' if forward else 'copied'}")
    if forward:
        content["forward_origin"] = {"type": "user", "sender_user": source["from"], "date": source["date"]}
    elif "caption" in context.params:
        content.update(context.caption())
    context.text = content.get("text") or content.get("caption", "")
    return post(context, prepared, content)


def send_chat_action(context: Context) -> bool:
    """Show that the bot is busy, for five seconds."""
    chat = context.chat()
    action = context.params.text("action").lower()
    if action not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    context.bot.actions.append((chat.id, action))
    return True


def send_message_draft(context: Context) -> bool:
    """Show a text that is still being written, in a private chat."""
    chat = context.chat()
    if chat.type != "private":
        raise bad_request("drafts can be sent only to private chats")
    draft_id = context.params.integer("draft_id")
    if not draft_id:
        raise bad_request("RANDOM_ID_INVALID")
    text, _ = context.formatted("text", limit=MAX_TEXT)
    context.bot.drafts.setdefault((chat.id, draft_id), []).append(text)
    return True
