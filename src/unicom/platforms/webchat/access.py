"""Give a visitor what is theirs, and nothing else."""

from __future__ import annotations

from django.db.models import Exists, Q

from unicom.errors import AccountBlocked, NotAccessible
from unicom.models import Account, AccountChat, Channel, Chat, RequestCategory
from unicom.platforms.webchat.visitors import Bearer, account_id
from unicom.types import Person


def within_reach(person: Person | None, channel: str) -> Q:
    """Narrow rows to what somebody's token reaches; ``channel`` is the rows' way to it. Without a token: to all."""
    return Q(**{channel: person.channel_id}) if isinstance(person, Bearer) else Q()


def access_channel(channel_id: object = None, person: Person | None = None) -> Channel:
    """Return the web chat that was asked for, else the first active one; raises NotAccessible without one.

    A token's visitor has that of the token, and asks for no other.
    """
    channels = Channel.objects.filter(within_reach(person, "pk"), platform="WebChat", active=True)
    if channel_id not in (None, ""):
        text = str(channel_id)
        channels = (
            channels.filter(pk=int(text)) if text.isascii() and text.isdigit() and len(text) < 18 else channels.none()
        )
    channel = channels.order_by("pk").first()
    if channel is None:
        raise NotAccessible("There is no such web chat.")
    return channel


def access_chat(person: Person | None, chat_id: str, *, channel_id: object = None) -> AccountChat:
    """Return a visitor's part in a chat, with the chat, its channel and the account; raises NotAccessible.

    Somebody else's chat and one that is not there look the same.
    """
    if person is None or not chat_id or "\x00" in chat_id:
        raise NotAccessible("There is no such chat.")
    part = (
        AccountChat.objects.select_related("chat__channel", "account")
        .annotate(has_categories=Exists(RequestCategory.objects.filter(is_active=True)))
        .filter(
            within_reach(person, "chat__channel_id"),
            account_id=account_id(person.external_id),
            chat_id=chat_id,
            chat__platform="WebChat",
            chat__deleted_at=None,
        )
        .first()
    )
    if part is None or (channel_id not in (None, "") and str(part.chat.channel_id) != str(channel_id)):
        raise NotAccessible("There is no such chat.")
    return part


def access_owned_chat(person: Person | None, chat_id: str) -> Chat:
    """Return a chat its visitor may rename, archive or delete; raises NotAccessible, or AccountBlocked."""
    part = access_chat(person, chat_id)
    refuse_blocked(part.account)
    return part.chat


def refuse_blocked(account: Account | None) -> None:
    """Raise AccountBlocked for an account that an operator has shut out."""
    if account is not None and account.blocked:
        raise AccountBlocked("This account is blocked.")


def access_callback_channel(execution_id: str, channel_id: object = None, person: Person | None = None) -> Channel:
    """Return the web chat a button was shown in; raises NotAccessible. Who may click is for the button to say."""
    channels = Channel.objects.filter(
        within_reach(person, "pk"), platform="WebChat", callback_executions__pk=execution_id
    )
    if channel_id not in (None, ""):
        channels = channels.filter(pk=access_channel(channel_id).pk)
    channel = channels.first() if "\x00" not in execution_id else None
    if channel is None:
        raise NotAccessible("This button is not known.")
    return channel
