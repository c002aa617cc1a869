"""Show people that an answer is being written, for as long as it is."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from unicom import live
from unicom.adapters import adapter_for
from unicom.errors import DeliveryError, InvalidConfig
from unicom.models import Chat, Message
from unicom.platforms.base import Adapter

logger = logging.getLogger("unicom.llm")


@contextlib.contextmanager
def shown(chat: Chat, message: Message) -> Iterator[None]:
    """Show it within the block, where the platform can; a failure is of no consequence."""
    try:
        adapter = adapter_for(chat.channel)
    except (InvalidConfig, LookupError):
        yield
        return
    with contextlib.closing(adapter):
        if not adapter.supports_typing and not adapter.is_local:
            yield
            return
        ended = threading.Event()
        thread = threading.Thread(target=_show, args=(adapter, chat, message, ended), name="unicom-typing", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _show(adapter: Adapter, chat: Chat, message: Message, ended: threading.Event) -> None:
    """Repeat the sign until the end; uses no database."""
    while not ended.is_set():
        try:
            if adapter.is_local:
                live.typing(chat.platform, chat.pk, name="Bot", is_outgoing=True, account_id="")
            else:
                adapter.typing(chat.external_id or chat.pk, message.external_id or "")
        except DeliveryError as error:
            logger.info("Typing is not shown: %s", adapter.redact(error.reason))
            return
        ended.wait(max(adapter.typing_lasts - 1, 1))
