"""Find or make the rows an arriving message needs: its account, its chat, its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from django.db import OperationalError, router
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from unicom import jobs, media
from unicom.identification import find_member, member_of
from unicom.ids import bounded, chat_key, uuid7
from unicom.models import (
    Account,
    AccountChat,
    AccountIdentity,
    Attachment,
    Channel,
    Chat,
    Message,
    RequestCategory,
)
from unicom.prepared import NUMBER, SECOND_TEXT, TEXT, THIRD_TEXT, Prepared
from unicom.rows import insert_and_tell, insert_if_absent
from unicom.types import Conversation, IncomingFile, MessageReceived, Person


def account_id(channel: Channel, person: Person) -> str:
    """Return the key of a person's account: one for all channels of the platform."""
    return person.account_id or f"{channel.platform.lower()}_{bounded(person.external_id)}"


def sender(
    channel: Channel, event: MessageReceived, chat_id: str, known: AccountChat | None
) -> tuple[Account, bool, bool]:
    """Return who wrote, whether there are categories to sort the request into, and whether the message is known.

    To be called with the chat's row locked, so that of a message and its edit one sees the other.
    """
    if known is not None and known.chat_id == chat_id:
        return known.account, known.has_categories, False  # type: ignore[attr-defined]
    found = account(channel, event.sender, chat_id, event.external_id)
    return found, found.has_categories, found.is_known  # type: ignore[attr-defined]


def account(channel: Channel, person: Person, chat_id: str, external_id: str = "") -> Account:
    """Return a person's account as a member of a chat, made at the first contact; its name is kept up to date."""
    pk = account_id(channel, person)
    found = _find(channel, pk, chat_id, external_id)
    made = _meet(channel, person, pk, external_id) if found is None else None
    if made is None:
        # Where it is not there now either, somebody else met the same person at the same moment.
        found = found or _find(channel, pk, chat_id, external_id)
        if found is None:
            raise OperationalError("The account was deleted at the moment it was made.")  # the platform comes again
        _refresh(found, person)
    found = made or found
    assert found is not None  # noqa: S101  one of the two
    if chat_id and not found.in_chat:  # type: ignore[attr-defined]
        insert_if_absent(AccountChat(account=found, chat_id=chat_id))
    return found


def _accounts() -> QuerySet[Account, Any]:
    # What else a message needs to know comes with the same query.
    in_chat = Exists(AccountChat.objects.filter(account=OuterRef("pk"), chat_id=SECOND_TEXT))
    has_categories = Exists(RequestCategory.objects.filter(is_active=True))
    is_known = Exists(Message.objects.filter(channel=NUMBER, external_id=THIRD_TEXT))
    return Account.objects.filter(pk=TEXT).order_by().values_list(*_COLUMNS, in_chat, has_categories, is_known)


_COLUMNS = tuple(field.attname for field in Account._meta.concrete_fields)
_ACCOUNT = Prepared(_accounts)


def _find(channel: Channel, pk: str, chat_id: str, external_id: str) -> Account | None:
    """Return an account with ``in_chat``, ``has_categories``, and ``is_known``: a message of that id is here."""
    database = router.db_for_write(Account)
    rows = _ACCOUNT.rows(database, number=channel.pk, text=pk, second_text=chat_id, third_text=external_id)
    for *columns, in_chat, has_categories, is_known in rows:
        found = Account.from_db(database, _COLUMNS, columns)
        found.in_chat, found.has_categories = in_chat, has_categories  # type: ignore[attr-defined]
        found.is_known = is_known  # type: ignore[attr-defined]
        return found
    return None


def _meet(channel: Channel, person: Person, pk: str, external_id: str) -> Account | None:
    """Make a person's account, and return it as :func:`_find` does; None where it is there already."""
    # What is vouched for goes first: of one value twice the first is kept.
    identities = sorted(person.identities, key=lambda identity: not identity.verified)
    row = Account(
        id=pk,
        platform=channel.platform,
        # The id it is known by may have been a former owner's, and still be theirs here.
        external_id=pk.removeprefix(f"{channel.platform.lower()}_")
        if person.account_id
        else bounded(person.external_id),
        name=person.name,
        username=person.username,
        is_bot=person.is_bot,
        raw=dict(person.raw),
    )
    if person.user_id is not None:
        row.member = find_member(row, user_id=person.user_id)
    if row.member is None:
        row.member = member_of((item.kind, item.value) for item in identities if item.verified)
    categories = RequestCategory.objects.filter(is_active=True)
    earlier = Message.objects.filter(channel=channel, external_id=external_id)
    told = insert_and_tell(row, categories.order_by().values("pk"), earlier.order_by().values("pk"))
    if told is None:
        return None
    row.in_chat, (row.has_categories, row.is_known) = False, told  # type: ignore[attr-defined]
    if person.user_id is not None:
        insert_if_absent(AccountIdentity(account=row, kind="user", value=str(person.user_id), verified=True))
    for item in identities:
        if value := item.value.strip()[:320]:
            identity = {"kind": item.kind, "scope": item.scope, "value": value, "verified": item.verified}
            insert_if_absent(AccountIdentity(account=row, **identity))
    return row


def _refresh(found: Account, person: Person) -> None:
    """Keep up with what a platform tells anew of somebody."""
    if (person.name and person.name != found.name) or (person.username and person.username != found.username):
        found.name, found.username = person.name or found.name, person.username or found.username
        found.save(update_fields=["name", "username"])
    if person.identities:
        _keep_identities(found, person)


def _keep_identities(row: Account, person: Person) -> None:
    """Keep the further ids a platform tells of somebody, and find their member by a new one."""
    known = {
        (kind, scope, value): verified
        for kind, scope, value, verified in row.identities.values_list("kind", "scope", "value", "verified")
    }
    news = False
    for identity in person.identities:
        value = identity.value.strip()[:320]
        key = identity.kind, identity.scope, value
        if not value or (key in known and known[key] >= identity.verified):
            continue
        news = True
        known[key] = identity.verified
        made = AccountIdentity(
            account=row, kind=identity.kind, scope=identity.scope, value=value, verified=identity.verified
        )
        if not insert_if_absent(made) and identity.verified:
            row.identities.filter(kind=identity.kind, scope=identity.scope, value=value).update(verified=True)
    if news and row.member_id is None:
        row.member = member_of((kind, value) for (kind, _, value), verified in known.items() if verified)
        if row.member is not None:
            row.save(update_fields=["member"])


def open_chat(channel: Channel, place: Conversation) -> str:
    """Make a conversation's chat and return its key; nothing where another worker just did."""
    pk = place.chat_id or chat_key(channel.platform, channel.pk, place.external_id or "")
    chat = Chat(
        id=pk,
        channel=channel,
        platform=channel.platform,
        external_id=place.external_id,
        name=place.name,
        is_group=place.is_group,
        metadata=dict(place.metadata),
    )
    if insert_if_absent(chat) or place.chat_id or place.is_group:
        return pk  # also a group that has moved since: what comes late was written in it
    # The key may be that of a person's conversation which has moved to another id: this one may be somebody else's.
    if not Chat.objects.filter(channel=channel, external_id=place.external_id).exists():
        chat.id = f"{pk}~{uuid7()}"
        insert_if_absent(chat)
    return chat.id


def find_message(channel: Channel, chat_id: str | None, reference: str) -> str | None:
    """Return our id of a message of this chat (None: of any), named by the platform's id of it or a part, or ours."""
    here = Message.objects.filter(channel=channel, **({} if chat_id is None else {"chat_id": chat_id}))
    return (
        here.filter(external_id=reference).values_list("pk", flat=True).first()
        or here.filter(pk=reference[:64]).values_list("pk", flat=True).first()
        or here.filter(attachments__external_id=reference).values_list("pk", flat=True).first()
        or here.filter(deliveries__external_id=reference, deliveries__act="send").values_list("pk", flat=True).first()
    )


def edited_before(channel: Channel, event: MessageReceived) -> Message | None:
    """Return the message that an edit has brought whose first form this is."""
    return Message.objects.filter(channel=channel, external_id=event.external_id, edited_at__isnull=False).first()


def complete(message: Message, event: MessageReceived, files: list[Arrived]) -> None:
    """Add to a message that an edit has brought what only its first form has: files, time, what it answers."""
    channel = message.channel
    first = next((item.path for item in files if item.path), "")
    former = {"text": event.text, "html": event.html, "until": message.edited_at and message.edited_at.isoformat()}
    message.raw = {**message.raw, "edits": [former, *message.raw.get("edits", [])]}
    message.timestamp = event.timestamp or message.timestamp
    message.media_type, message.media = event.media_type, first
    if event.reply_to:
        message.reply_to_message_id = find_message(channel, message.chat_id, event.reply_to)
    message.save(update_fields=["raw", "timestamp", "media_type", "media", "reply_to_message"])
    write_attachments(channel, message, files, event.external_id if event.album else "")


@dataclass(kw_only=True, slots=True)
class Arrived:
    """Be a file that came in, copied into our storage where its content was at hand."""

    source: IncomingFile
    path: str = ""
    size: int | None = None
    sha256: str = ""
    content_type: str = ""

    @classmethod
    def of(cls, source: IncomingFile) -> Self:
        """Copy the content, if it is here."""
        if source.content is None:
            return cls(source=source, size=source.size, content_type=source.content_type)
        path, size, sha256, content_type = media.store(source.content, source.name or source.kind, source.content_type)
        return cls(source=source, path=path, size=size, sha256=sha256, content_type=content_type)


def write_attachments(channel: Channel, message: Message, files: list[Arrived], external_id: str = "") -> bool:
    """Write a row a file; tells whether some are still to be fetched, or turned into MP3, each by a job.

    ``external_id`` is the platform's of the message that brought them, within an album.
    """
    later = False
    rows = [_attachment(message, item, external_id) for item in files]
    if any(
        row.state == Attachment.State.PENDING or item.source.is_voice for row, item in zip(rows, files, strict=True)
    ):
        for row in rows:
            row.save(force_insert=True)  # their numbers are wanted
    else:
        Attachment.objects.bulk_create(rows)
    for row, item in zip(rows, files, strict=True):
        source, waiting = item.source, row.state == Attachment.State.PENDING
        if waiting:
            voice = {"voice": True} if source.is_voice else {}
            jobs.enqueue("fetch", str(row.pk), {"attachment": row.pk, "channel": channel.pk, **voice})
        elif source.is_voice and item.path:
            jobs.enqueue("voice", str(row.pk), {"attachment": row.pk})
        later |= waiting or (source.is_voice and bool(item.path))
    return later


def _attachment(message: Message, item: Arrived, external_id: str) -> Attachment:
    source = item.source
    waiting = not item.path and not source.refused
    return Attachment(
        message=message,
        kind=source.kind,
        name=source.name,
        content_type=item.content_type[:255],
        size=item.size,
        sha256=item.sha256,
        file=item.path,
        reference=dict(source.reference),
        state=(
            Attachment.State.PENDING if waiting else Attachment.State.FAILED if source.refused else
            Attachment.State.STORED
        ),
        error=source.refused,
        external_id=external_id or None,
        created_at=timezone.now(),
    )  # fmt: skip
