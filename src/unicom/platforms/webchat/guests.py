"""Hand what a guest did over to whom they turn out to be: the user they log in as, or whom another site vouches for."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.http import HttpRequest

from unicom import live
from unicom.conf import settings
from unicom.ids import digest
from unicom.merging import move_references
from unicom.models import (
    Account,
    AccountChat,
    AccountIdentity,
    Channel,
    Chat,
    IdempotencyKey,
    Message,
    Request,
)
from unicom.platforms.webchat.bearers import FORMER_GUEST
from unicom.platforms.webchat.visitors import SESSION_KEY, account_id, guest_external_id, user_external_id
from unicom.rows import insert_if_absent

logger = logging.getLogger("unicom")


def remember_session(account: Account, session_key: str | None) -> None:
    """Note which session a guest came with, so that :func:`migrate_guest_to_user` finds them by a former key."""
    if session_key:
        insert_if_absent(AccountIdentity(account=account, kind="session", value=digest(session_key), verified=True))


def migrate_guest_to_user(session_key: str | None, user: Any) -> bool:
    """Give a guest's chats, messages, requests and buttons to ``user``; the guest's account goes.

    Takes the session's key from before or after the log-in. Returns whether there was anything to do; an unknown key,
    or one that was used already, is none. Idempotent.
    """
    if not session_key or user is None or user.pk is None:
        return False
    guest = Account.objects.filter(
        identities__kind="session", identities__value=digest(session_key), external_id__startswith="guest_"
    ).first()
    if guest is None:
        engine = import_module(settings.SESSION_ENGINE)
        secret = engine.SessionStore(session_key=session_key).get(SESSION_KEY)
        guest = _guest(secret)
    return guest is not None and _hand_over(guest, user)


def migrate_on_login(sender: Any, request: HttpRequest | None, user: Any, **_: Any) -> None:
    """Do it when Django says that somebody has logged in; never in the way of the log-in."""
    session = getattr(request, "session", None)
    secret = session.get(SESSION_KEY) if session is not None else None
    if not secret or session is None:
        return
    try:
        guest = _guest(secret)
        if guest is not None:
            _hand_over(guest, user)
        del session[SESSION_KEY]
    except Exception:
        # The key stays in the session, so the documented function can still do it.
        logger.exception("A guest's chats could not be given to user %s.", user.pk)


def connect() -> None:
    """Watch for log-ins."""
    user_logged_in.connect(migrate_on_login, dispatch_uid="unicom.webchat.migrate_on_login")


def _guest(secret: Any) -> Account | None:
    if not isinstance(secret, str) or not secret:
        return None
    return Account.objects.filter(pk=account_id(guest_external_id(secret))).first()


@transaction.atomic
def _hand_over(guest: Account, user: Any) -> bool:
    guest_row = Account.objects.select_for_update().filter(pk=guest.pk).first()
    if guest_row is None:
        return False
    external_id = user_external_id(user)
    target = Account(
        id=account_id(external_id),
        platform=guest_row.platform,
        external_id=external_id,
        name=user.get_full_name() or user.get_username(),
        username=user.get_username(),
    )
    if insert_if_absent(target):
        insert_if_absent(AccountIdentity(account=target, kind="user", value=str(user.pk), verified=True))
        member = getattr(user, "unicom_member", None)
        if member is not None:
            Account.objects.filter(pk=target.pk).update(member=member)
    _give_all(guest_row, Account.objects.get(pk=target.pk))
    return True


@transaction.atomic
def become(guest_external_id: str, target: Account) -> None:
    """Give a token's guest to somebody identified; from then on the guest's token is nobody's. Idempotent."""
    insert_if_absent(AccountIdentity(account=target, kind=FORMER_GUEST, value=guest_external_id, verified=True))
    guest_row = Account.objects.select_for_update().filter(pk=account_id(guest_external_id)).first()
    if guest_row is not None:
        _give_all(guest_row, target)


def _give_all(guest_row: Account, target: Account) -> None:
    """Point all that refers to a guest at ``target``; the guest's account goes. In a transaction, the guest locked."""
    if guest_row.blocked and not target.blocked:
        # To prove who one is, is no way out.
        target.blocked = True
        target.save(update_fields=["blocked"])
    # What the guest was known by must not lead anybody to the target.
    AccountIdentity.objects.filter(account=guest_row).delete()
    chats = list(Chat.objects.filter(account_chats__account=guest_row))
    for part in AccountChat.objects.filter(account=target, chat__in=chats):
        read = AccountChat.objects.filter(account=guest_row, chat=part.chat_id).values_list("read_seq", flat=True)
        part.read_seq = max(part.read_seq, *read)
        part.save(update_fields=["read_seq"])
    Message.objects.filter(sender=guest_row).update(sender_name=target.name)
    Request.objects.filter(account=guest_row).update(member=target.member)
    move_references(Account, guest_row, target)
    for channel in Channel.objects.filter(idempotency_keys__caller=guest_row.pk).distinct():
        taken = IdempotencyKey.objects.filter(channel=channel, caller=target.pk).values("key")
        IdempotencyKey.objects.filter(channel=channel, caller=guest_row.pk).exclude(
            key__in=list(taken.values_list("key", flat=True))
        ).update(caller=target.pk)
    guest_row.delete()
    for chat in chats:
        live.chat_changed(chat)
