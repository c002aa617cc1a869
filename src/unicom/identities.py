"""Know a person by any of their ids: find the account, keep its ids up to date, join two that are one.

Ids are ranked by the adapter, the strongest first. A weaker one (a phone number) may pass to somebody else: where a
stronger one says that it is another person, the account loses the weaker id and keeps its history to itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Q

from unicom import jobs, merging
from unicom.ids import bounded, uuid7
from unicom.models import Account, AccountIdentity, Channel, Chat
from unicom.platforms import adapter_class
from unicom.rows import insert_if_absent
from unicom.types import Conversation, Identity, InboundEvent, Person

Key = tuple[str, str, str]
"""Kind, scope, value."""


def settled(channel: Channel, event: InboundEvent) -> InboundEvent:
    """Return the event with our keys of its sender's account and of its chat, where ids of theirs lead there."""
    ranks = adapter_class(channel.platform).identity_keys
    sender: Person | None = getattr(event, "sender", None)
    if not ranks or sender is None or sender.account_id:
        return event
    if getattr(event, "is_echo", False):
        # Our own side wrote it: only whom it was written to tells the chat.
        return replace(event, conversation=_placed(channel, event.conversation, ""))  # type: ignore[attr-defined, call-arg]
    sender = replace(sender, account_id=resolve(channel.platform, sender, ranks))
    found: dict[str, Any] = {"sender": sender}
    place: Conversation | None = getattr(event, "conversation", None)
    if place is not None and not place.is_group and not place.chat_id:
        found["conversation"] = _placed(channel, place, sender.account_id)
    return replace(event, **found)


def _placed(channel: Channel, place: Conversation, account_id: str) -> Conversation:
    names = [name for name in (place.external_id, *place.aliases) if name]
    known = Q(external_id__in=names) | Q(account_chats__account=account_id)
    rows = (
        Chat.objects.filter(known, channel=channel, is_group=False)
        .order_by("-last_message_at", "pk")
        .values_list("pk", "external_id")
        .distinct()[:5]
    )
    chats = dict(rows)
    if not chats:
        known_by = next(filter(None, (find_chat(channel, name) for name in names)), None) if not account_id else None
        return replace(place, chat_id=known_by.pk, is_new=False) if known_by is not None else place
    first, *others = chats
    for other in others:
        jobs.enqueue("merge_chats", other, {"into": first, "chat": other})
    return replace(place, chat_id=first, is_new=False)


def find_chat(channel: Channel, external_id: str) -> Chat | None:
    """Return the chat of a person who is known by this id as well."""
    ranks = adapter_class(channel.platform).identity_keys
    if not ranks:
        return None
    accounts = AccountIdentity.objects.filter(
        kind__in=ranks, value=external_id, account__platform=channel.platform
    ).values("account")
    chats = Chat.objects.filter(channel=channel, is_group=False, account_chats__account__in=accounts)
    return chats.order_by("-last_message_at").first()


def resolve(platform: str, person: Person, ranks: Sequence[str]) -> str:
    """Return the key of a person's account, existing or to be made; accounts that turn out to be one are joined."""
    keys = _keys(person.identities, ranks)
    fallback = f"{platform.lower()}_{bounded(person.external_id)}"
    if not keys:
        return fallback
    owners = _owners(platform, keys)
    found = {account for key in keys for account in owners[key]}
    if len(found) == 1 and all(owners[key] for key in keys):
        return found.pop()
    target = _joined(platform, keys, owners, ranks) if found else ""
    if target:
        _renew(target, keys)
        return target
    return _unused(platform, [person.external_id, *(value for _, _, value in keys)], ranks)


def change(channel: Channel, old: Iterable[Identity], new: Iterable[Identity]) -> None:
    """Give a person their new ids instead of the old; nothing where nobody has the old ones."""
    ranks = adapter_class(channel.platform).identity_keys
    before, after = _keys(old, ranks), _keys(new, ranks)
    owners = _owners(channel.platform, before)
    account = next((owner for key in before for owner in owners[key]), "")
    if not account:
        return
    gone = {(kind, scope) for kind, scope, _ in after}
    for kind, scope, value in before:
        if (kind, scope) in gone or kind in {kind for kind, _ in gone}:
            AccountIdentity.objects.filter(account=account, kind=kind, scope=scope, value=value).delete()
            replacement = next((new_value for new_kind, _, new_value in after if new_kind == kind), "")
            readdress(account, value, replacement)
    _renew(account, after)
    owners = _owners(channel.platform, after)
    _joined(channel.platform, after, owners, ranks)


def readdress(account: str, old: str, new: str) -> None:
    """Let an account's chats go on under another id of theirs; a chat that is there already is joined with."""
    for chat in Chat.objects.filter(account_chats__account=account, is_group=False, external_id=old):
        taken = (
            Chat.objects.filter(channel=chat.channel_id, external_id=new).exclude(pk=chat.pk).first() if new else None
        )
        if taken is None:
            Chat.objects.filter(pk=chat.pk).update(external_id=new or None)
        else:
            Chat.objects.filter(pk=chat.pk).update(external_id=None)
            jobs.enqueue("merge_chats", taken.pk, {"into": chat.pk, "chat": taken.pk})


def _keys(identities: Iterable[Identity], ranks: Sequence[str]) -> list[Key]:
    found = [(item.kind, item.scope, item.value.strip()[:320]) for item in identities if item.kind in ranks]
    return sorted((key for key in found if key[2]), key=lambda key: ranks.index(key[0]))


def _owners(platform: str, keys: Sequence[Key]) -> dict[Key, list[str]]:
    owners: dict[Key, list[str]] = defaultdict(list)
    if not keys:
        return owners
    wanted = Q()
    for kind, scope, value in keys:
        wanted |= Q(kind=kind, scope=scope, value=value)
    rows = AccountIdentity.objects.filter(wanted, account__platform=platform).order_by("created_at", "pk")
    for account, kind, scope, value in rows.values_list("account_id", "kind", "scope", "value"):
        owners[kind, scope, value].append(account)
    return owners


def _joined(platform: str, keys: Sequence[Key], owners: dict[Key, list[str]], ranks: Sequence[str]) -> str:
    """Return the one account that has these ids, of all that have some of them; empty where none is this person."""
    involved = {account for key in keys for account in owners[key]}
    # Nobody else may join or part them meanwhile.
    list(Account.objects.select_for_update().filter(pk__in=involved).order_by("pk").values_list("pk"))
    known: dict[str, set[Key]] = defaultdict(set)
    for row in AccountIdentity.objects.filter(account__in=involved, kind__in=ranks):
        known[row.account_id].add((row.kind, row.scope, row.value))
    target = ""
    for key in keys:
        for owner in owners[key]:
            if owner == target or owner not in involved:
                continue
            if _is_somebody_else(known[owner], keys, ranks.index(key[0]), ranks):
                _take_away(owner, key, known[owner], ranks)
            elif not target:
                target = owner
            else:
                gone = owner
                target, gone = merging.merge_accounts(target, owner)
                involved.discard(gone)
                known[target] |= known.pop(gone, set())
    return target


def _is_somebody_else(theirs: set[Key], keys: Sequence[Key], rank: int, ranks: Sequence[str]) -> bool:
    """Tell whether an account has another stronger id than the person, within the same scope."""
    for kind, scope, value in keys:
        if ranks.index(kind) >= rank:
            continue
        same = {known for known_kind, known_scope, known in theirs if (known_kind, known_scope) == (kind, scope)}
        if same and value not in same:
            return True
    return False


def _take_away(account: str, key: Key, theirs: set[Key], ranks: Sequence[str]) -> None:
    """Part an account from an id that is somebody else's now; its chats go on under another id of its own."""
    kind, scope, value = key
    AccountIdentity.objects.filter(account=account, kind=kind, scope=scope, value=value).delete()
    theirs.discard(key)
    remaining = sorted(theirs, key=lambda item: ranks.index(item[0]))
    readdress(account, value, remaining[0][2] if remaining else "")


def _renew(account: str, keys: Sequence[Key]) -> None:
    """Give an account these ids, each in place of the one it had of the same kind and scope."""
    for kind, scope, value in keys:
        rows = AccountIdentity.objects.filter(account=account, kind=kind, scope=scope)
        for stale in rows.exclude(value=value).values_list("value", flat=True):
            readdress(account, stale, value)
        rows.exclude(value=value).delete()
        insert_if_absent(AccountIdentity(account_id=account, kind=kind, scope=scope, value=value, verified=True))


def _unused(platform: str, names: Sequence[str], ranks: Sequence[str]) -> str:
    """Return a key for a new account; one that a former owner of a number has is passed by, for a key never changes."""
    candidates = [f"{platform.lower()}_{bounded(name)}" for name in dict.fromkeys(names)]
    rows = Account.objects.filter(pk__in=candidates)
    taken = set(rows.filter(identities__kind__in=ranks).values_list("pk", flat=True))
    # One that was made by hand, and of which nothing is known yet, is this person's.
    free = [candidate for candidate in candidates if candidate not in taken]
    return free[0] if free else f"{candidates[0]}~{uuid7()}"
