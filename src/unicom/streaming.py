"""Show one answer while it is being written: in its row, as a draft, or by edits, as the platform allows."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from unicom import live
from unicom.adapters import adapter_for
from unicom.errors import DeliveryError, InvalidMessage
from unicom.models import Message
from unicom.platforms.base import Adapter
from unicom.stopping import is_stopped
from unicom.types import OPEN_STATES

logger = logging.getLogger("unicom.llm")

ROW_EVERY = 0.25
"""For how many seconds a row is left alone between two of its stages."""
SHOWN_EVERY = 1.0
"""And a draft or an edit, which are calls to the platform."""
STOP_EVERY = 0.5


class AnswerStopped(Exception):
    """End an answer where it is: the person has called it off."""

    def __init__(self, text: str) -> None:
        super().__init__("the answer was called off")
        self.text = text


class RunningAnswer:
    """Be one answer to a message that grows; its row is found again by ``mark``, kept in ``raw["llm"]``."""

    def __init__(
        self,
        answered: Message,
        mark: Mapping[str, Any],
        *,
        since: datetime,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.answered = answered
        self.mark = dict(mark)
        self.text = ""
        self.adapter: Adapter = adapter_for(answered.channel)
        self.message: Message | None = self._begun()
        self._since = since
        self._clock = clock
        self._shown_at = self._looked_at = clock()
        self._gone_on = False
        self._drafts = self.adapter.supports_streaming
        # The same for every stage, also after a crash; any number but 0.
        self._draft_id = zlib.crc32(answered.pk.encode()) or 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.adapter.close()

    def grow(self, piece: str) -> None:
        """Add a piece; raises AnswerStopped where the person has asked to stop."""
        self.text += piece
        now = self._clock()
        if now - self._looked_at >= STOP_EVERY:
            self._looked_at = now
            if is_stopped(self.answered.chat_id, since=self._since):
                raise AnswerStopped(self.text)
        every = ROW_EVERY if self.adapter.is_local else SHOWN_EVERY
        if self.text.strip() and (now - self._shown_at >= every or (self.adapter.is_local and not self._gone_on)):
            self._shown_at, self._gone_on = now, True
            try:
                self._show()
            except (DeliveryError, InvalidMessage) as error:
                # A stage that cannot be shown costs nothing: the whole answer is sent at the end.
                logger.info("An answer to %s is not shown while it grows: %s", self.answered.pk, error)
                self._shown_at = float("inf")

    def finish(self, text: str, mark: Mapping[str, Any]) -> Message | None:
        """Make the row that has grown the whole answer; None where nothing has, and it is to be sent as usual.

        To be called in the transaction that writes what follows from the answer.
        """
        if self.message is None:
            return None
        message = Message.objects.select_for_update(of=("self",)).get(pk=self.message.pk)
        message.text = text
        message.raw = {**message.raw, "llm": dict(mark)}
        if not self.adapter.is_local:
            try:
                self._finish_by_edit(message, text)
            except InvalidMessage as error:
                logger.warning("The last edit of answer %s cannot be sent: %s", message.pk, error)
                return None
        Message.objects.filter(pk=message.pk).update(text=message.text, raw=message.raw)
        live.message_changed(message, "text")
        return message

    def _finish_by_edit(self, message: Message, text: str) -> None:
        most = self.adapter.limits.text
        if most is not None and len(text) > most:
            # What one message has no room for follows as the next, so the whole arrives.
            cut = max(text.rfind("\n", 0, most), text.rfind(" ", 0, most))
            cut = cut if cut > most // 2 else most
            message.edit_original_message({"text": text[:cut]})
            rest = self.answered.reply_with({"text": text[cut:].lstrip()})
            Message.objects.filter(pk=rest.pk).update(raw={**rest.raw, "llm": message.raw["llm"]})
            message.text = text[:cut]
        else:
            message.edit_original_message({"text": text, "parse_mode": "Markdown"})

    def _begun(self) -> Message | None:
        """Return the row a process had begun before it died."""
        begun = Message.objects.filter(
            chat_id=self.answered.chat_id, pk__gt=self.answered.pk, raw__llm__request=self.mark["request"],
            raw__llm__partial=True,
        )  # fmt: skip
        return begun.first()

    def _show(self) -> None:
        if self.adapter.is_local:
            self._show_row()
        elif self._drafts:
            chat = self.answered.chat
            self._drafts = self.adapter.show_draft(chat.external_id or chat.pk, self._draft_id, self.text)
        elif self.adapter.supports_edit:
            self._show_edit()

    def _show_row(self) -> None:
        if self.message is None:
            self.message = self._begin()
            return
        Message.objects.filter(pk=self.message.pk).update(text=self.text)
        if self.message.seq is None:
            self.message.refresh_from_db(fields=["seq"])
        live.message_changed(self.message, "text")

    def _show_edit(self) -> None:
        most = self.adapter.limits.text
        shown = self.text if most is None else self.text[:most]
        if self.message is None:
            self.message = self._begin()
        elif shown != self.message.text and not self.message.deliveries.filter(state__in=OPEN_STATES).exists():
            self.message.text = shown
            self.message.edit_original_message({"text": shown})

    def _begin(self) -> Message:
        most = self.adapter.limits.text
        begun = self.answered.reply_with({"text": self.text if most is None else self.text[:most]})
        begun.raw = {**begun.raw, "llm": {**self.mark, "partial": True}}
        Message.objects.filter(pk=begun.pk).update(raw=begun.raw)
        return begun
