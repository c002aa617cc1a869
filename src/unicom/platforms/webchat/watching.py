"""Answer a socket's questions: who is asking, may they still, and what have they not seen yet. No Channels in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol

from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from unicom.conf import settings
from unicom.errors import AccountBlocked, NotAccessible
from unicom.models import Account, AccountChat, Chat, Message
from unicom.platforms.webchat import access, bearers, changes, history, links, tokens
from unicom.platforms.webchat.filters import apply_filters
from unicom.platforms.webchat.listing import chats_of, listed
from unicom.platforms.webchat.reading import mark_read
from unicom.platforms.webchat.typing import note_typing
from unicom.platforms.webchat.visitors import known_visitor, owner_of
from unicom.platforms.webchat.wire import chat_dict, message_dict
from unicom.types import Person

Filters = dict[str, str]
Changed = tuple[str, dict[str, Any] | None]
"""The id of a message that was changed, and how it is now: None where it is gone."""


class Nobody(Exception):
    """Say that there is no session of a user or a guest (any more)."""


def _leave_as_it_is(*_: Any, **__: Any) -> None:
    """Do nothing."""


class Holder(Protocol):
    """Be who holds a socket, by whatever they are known."""

    def person(self) -> Person:
        """Return who it is, looked at anew; raises Nobody, or NotAccessible."""
        ...

    @property
    def link(self) -> links.Link:
        """Return how files are named to them."""
        ...


@dataclass(kw_only=True)
class Visit:
    """Be who holds a socket: the session is read anew each time, so that a log-out or a block takes effect."""

    session_key: str | None
    user: Any = None
    """Who is logged in, where the socket came without a session."""

    def person(self) -> Person:
        """Return who it is; raises Nobody."""
        request = HttpRequest()
        session = import_module(settings.SESSION_ENGINE).SessionStore(session_key=self.session_key)
        # Looking must not change it: a new key would never reach the browser, and a flush is the log-out's.
        for change in ("cycle_key", "flush", "save"):
            setattr(session, change, _leave_as_it_is)
        request.session = session
        if self.session_key:
            request.user = get_user(request)
        else:
            request.user = self._same_user()
        person = known_visitor(request)
        if person is None:
            raise Nobody
        return person

    @property
    def link(self) -> links.Link:
        """Return how files are named to them: by paths, which their session opens."""
        return links.plain_link

    def _same_user(self) -> Any:
        if self.user is None or not self.user.is_authenticated:
            return AnonymousUser()
        # A middleware may have wrapped it: the class is asked for, not the type.
        found = self.user.__class__._default_manager.filter(pk=self.user.pk).first()
        return found if found is not None and found.is_active else AnonymousUser()


@dataclass(kw_only=True)
class TokenVisit:
    """Be who holds a socket by a token: whether it still counts, here and for this page, is looked at each time."""

    item: tokens.Pass
    origin: str | None
    host: str
    is_secure: bool = False

    @classmethod
    def of(cls, token: object, *, origin: str | None, host: str, is_secure: bool) -> TokenVisit:
        """Return the visit of whoever brings a token, which is not kept; raises Nobody."""
        try:
            return cls(item=tokens.read(token), origin=origin, host=host, is_secure=is_secure)
        except tokens.TokenRefused:
            raise Nobody from None

    def person(self) -> Person:
        """Return who it is; raises Nobody, or NotAccessible for a page that may not show the chat any more."""
        try:
            return bearers.admit(self.item, origin=self.origin, host=self.host)
        except tokens.TokenRefused:
            raise Nobody from None
        except bearers.OriginRefused as error:
            raise NotAccessible(str(error)) from None

    @property
    def link(self) -> links.Link:
        """Return how files are named to them: by keys, which are for one file each."""
        site = links.site_of(self.host, self.origin, is_secure=self.is_secure)
        return links.keyed_link(self.item.channel_id, self.item.external_id, site)


@dataclass(kw_only=True)
class ChatWatch:
    """Be one socket's view of one chat; each answer comes with a fresh look at whether it may be given."""

    visit: Holder
    chat_id: str
    channel_id: str = ""

    def part(self) -> AccountChat:
        """Return the visitor's part in the chat; raises Nobody, NotAccessible, AccountBlocked."""
        part = access.access_chat(self.visit.person(), self.chat_id, channel_id=self.channel_id)
        access.refuse_blocked(part.account)
        return part

    def newest(self) -> int:
        """Return the number of the chat's newest message."""
        return self.part().chat.last_seq

    def after(self, seq: int, until: int | None = None) -> list[tuple[int, dict[str, Any]]]:
        """Return messages by number, those after ``seq`` and up to ``until``, one page at most."""
        return self._after(self.part().chat, seq, until)

    def news(self, seq: int, since: datetime | None) -> tuple[list[Changed], list[tuple[int, dict[str, Any]]]]:
        """Return what was changed since a moment of the messages up to ``seq``, and what came after it; each a page."""
        chat = self.part().chat
        changed = self._changed(chat, since, seq)[0] if since is not None else []
        return changed, self._after(chat, seq, None)

    def seq_of(self, message_id: str) -> int:
        """Return a message's number; raises NotAccessible for one not of here."""
        self.part()
        return history.seq_of(self.chat_id, message_id)

    def message(self, message_id: str) -> dict[str, Any] | None:
        """Return one message as it is now, None where it is gone."""
        part = self.part()
        row = Message.objects.filter(chat=part.chat, pk=message_id, deleted_at=None, seq__isnull=False).first()
        return message_dict(row, self.visit.link) if row is not None else None

    def changed_since(self, when: datetime, until: int) -> tuple[list[Changed], bool]:
        """Return messages up to a number that were changed since, and whether there are more."""
        return self._changed(self.part().chat, when, until)

    def _after(self, chat: Chat, seq: int, until: int | None) -> list[tuple[int, dict[str, Any]]]:
        if until is None and chat.last_seq <= seq:
            return []
        rows = Message.objects.filter(chat=chat, deleted_at=None, seq__gt=seq)
        if until is not None:
            rows = rows.filter(seq__lte=until)
        link = self.visit.link
        return [(row.seq or 0, message_dict(row, link)) for row in rows.order_by("seq")[: history.MOST]]

    def _changed(self, chat: Chat, when: datetime, until: int) -> tuple[list[Changed], bool]:
        rows, has_more = changes.since(chat, when, until=until)
        return [(row.pk, None if row.deleted_at else message_dict(row, self.visit.link)) for row in rows], has_more

    def chat(self) -> dict[str, Any] | None:
        """Return the chat's line in the visitor's list."""
        part = self.part()
        row = listed(Chat.objects.filter(pk=self.chat_id), part.account_id).first()
        return chat_dict(row) if row is not None else None

    def read(self, message_id: str) -> bool:
        """Note that the visitor has read up to a message; whether that was news."""
        return mark_read(self.part(), message_id)

    def typing(self) -> None:
        """Show for some seconds that the visitor is writing."""
        part = self.part()
        note_typing(part.chat_id, sender_name=part.account.name, is_outgoing=False, account_id=part.account_id)


@dataclass(kw_only=True)
class ListWatch:
    """Be one socket's view of all of its visitor's chats, as far as they pass the filters."""

    visit: Holder
    channel_id: str = ""
    filters: Filters = field(default_factory=dict)

    def person(self) -> Person:
        """Return whose list it is; raises Nobody, NotAccessible, AccountBlocked."""
        found = self.visit.person()
        access.refuse_blocked(Account.objects.filter(pk=owner_of(found), blocked=True).first())
        return found

    def account_id(self) -> str:
        """Return the account whose list it is; raises Nobody, NotAccessible, AccountBlocked."""
        return owner_of(self.person())

    def set_filters(self, filters: Filters) -> None:
        """Show other chats from now on; raises InvalidMessage naming what is no filter, with nothing changed."""
        apply_filters(Chat.objects.none(), filters)
        self.filters = filters

    def chat(self, chat_id: str) -> dict[str, Any] | None:
        """Return a chat's line, None where it is not (or no longer) one of the list's."""
        owner = self.person()
        mine = chats_of(owner, self.filters, channel_id=self.channel_id).filter(pk=chat_id)
        row = listed(mine, owner_of(owner)).first()
        return chat_dict(row) if row is not None else None


__all__ = ["AccountBlocked", "ChatWatch", "ListWatch", "Nobody", "NotAccessible", "TokenVisit", "Visit"]
