"""Say what each refusal of the Bot API means for a delivery: one table, the first row that fits decides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from unicom.errors import DeliveryError

LONGEST = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Match a status (None: any) and words of the description; say what follows."""

    status: int | None
    words: str = ""
    """A regular expression, looked for in the lower-case description."""
    retryable: bool = False
    ambiguous: bool = False
    channel_down: bool = False
    suppress: str = ""
    hint: str = ""
    """Said after Telegram's own sentence, where that leaves one helpless."""


_TOKEN = "the bot's token is not accepted; copy it again from @BotFather"  # noqa: S105  a sentence, not a token
_FILE_ID = "a file_id belongs to the bot that was given it; send the file itself"
TABLE = (
    # The token, so the whole channel. An unknown token is 401, one that is none by its form 404.
    Row(status=401, channel_down=True, hint=_TOKEN),
    Row(status=404, channel_down=True, hint=_TOKEN),
    # Whom we must not write to again. Telegram has worded some of these as 400 too.
    Row(status=None, words=r"blocked by the user|user_is_blocked", suppress="the user blocked the bot"),
    Row(status=None, words=r"user is deactivated|input_user_deactivated", suppress="the user's account is deleted"),
    Row(status=403, words=r"can't initiate conversation", suppress="the user has never started the bot"),
    Row(status=403, words=r"can't send messages to (bots|the bot)", suppress="it is a bot, which bots cannot write to"),
    Row(status=403, words=r"was kicked|is not a member", suppress="the bot was removed from the chat"),
    Row(status=403, words=r"chat was deleted", suppress="the chat was deleted"),
    Row(status=400, words=r"wrong (remote )?file.?id|wrong file identifier", hint=_FILE_ID),
    # Two who take updates of one bot; only polling meets it.
    Row(status=409, retryable=True),
    # The servers took no call at all.
    Row(status=503, retryable=True),
)


def refusal(status: int, description: str, parameters: Mapping[str, Any]) -> DeliveryError:
    """Return the error that a refusal in Telegram's own words stands for.

    Any other 4xx is final: the same call would be refused again. Any other 5xx is ambiguous: the front servers say
    500, 502 and 504 also when the message went out behind them, and people who repeated on 502 sent doubles.
    """
    sentence = f"Telegram: {description[:LONGEST] or f'error {status}'}"
    code = str(status)
    moved = parameters.get("migrate_to_chat_id")
    if _is_int(moved):
        return DeliveryError(sentence, moved_to=str(moved), code=code)
    if status in (420, 429):
        return DeliveryError(sentence, retry_after=_wait(description, parameters), code=code)
    words = description.lower()
    for row in TABLE:
        if row.status in (None, status) and re.search(row.words, words):
            return DeliveryError(
                f"{sentence} ({row.hint})" if row.hint else sentence,
                retryable=row.retryable,
                ambiguous=row.ambiguous,
                channel_down=row.channel_down,
                suppress=row.suppress,
                code=code,
            )
    return DeliveryError(sentence, ambiguous=status >= 500, code=code)


def foreign_answer(status: int) -> DeliveryError:
    """Return the error for an answer that is not the Bot API's: a proxy's page, half a JSON object."""
    sentence = f"something other than the Bot API answered (HTTP {status})"
    code = f"http_{status}"
    if 300 <= status < 400:
        return DeliveryError(f"{sentence}: API_URL leads elsewhere", channel_down=True, code=code)
    if status == 429 or status == 503 or 400 <= status < 500:
        # Refused on the way, so Telegram has not seen it.
        return DeliveryError(sentence, retryable=True, code=code)
    return DeliveryError(sentence, ambiguous=True, code=code)


def _wait(description: str, parameters: Mapping[str, Any]) -> timedelta:
    seconds: Any = parameters.get("retry_after")
    if not _is_int(seconds):
        named = re.search(r"retry after (\d{1,9})", description)
        seconds = int(named.group(1)) if named else 5
    return timedelta(seconds=min(max(seconds, 1), 7 * 86400))


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


NOT_MODIFIED = re.compile(r"message is not modified", re.IGNORECASE)
CANNOT_PARSE = re.compile(r"parse entit|message entit|entity (begin|bounds)|entity_", re.IGNORECASE)
"""The formatting is at fault, the words are not: they are sent plain."""
NO_PHOTO = re.compile(r"photo_(invalid_dimensions|ext_invalid|save_file_invalid)|image_process_failed", re.IGNORECASE)
"""It is an image no photo can be made of; as a file it arrives."""
NO_TEXT = re.compile(r"no text in the message to edit", re.IGNORECASE)
ALREADY_GONE = re.compile(r"message to delete not found", re.IGNORECASE)
TOO_BIG = re.compile(r"file is too big", re.IGNORECASE)


def says(error: DeliveryError, what: re.Pattern[str]) -> bool:
    """Tell whether Telegram refused for a certain reason, so surely did nothing."""
    return error.code == "400" and what.search(error.reason) is not None
